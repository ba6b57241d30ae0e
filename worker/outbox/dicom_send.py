"""Files sent by C-STORE (PS3.4 B) to one application entity. No database."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.dicom.files.parsing import parsing, read_dataset
from metseg.destination import Destination
from metseg.disk import sha256_of
from metseg.errors import DicomError, InfrastructureError, TransientError

DUPLICATE_INSTANCE = 0x0111
"""PS3.7 C, "duplicate SOP instance". Some archives answer it to an instance that they have."""

UNCOMPRESSED: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


class SendError(InfrastructureError):
    """The receiver did not take a file."""

    code = "push"


class UnreachableError(SendError):
    """Nobody answers at host and port."""

    code = "push_unreachable"


class RejectedError(SendError):
    """The receiver refused the association."""

    code = "push_rejected"


class NoAnswerError(SendError):
    """The association broke, or no answer came in time: the file may have arrived."""

    code = "push_no_answer"


class ContextRefusedError(SendError):
    """The receiver takes no files of this kind."""

    code = "push_context_refused"


class StatusError(SendError):
    """The receiver answered that it did not store the file."""

    code = "push_status"


class FileAwayError(InfrastructureError):
    """The file cannot be read just now, as when a share is away."""

    code = "push_file_away"


class OutgoingFileError(TransientError):
    """The file is not the one that was recorded: waiting will not mend it."""

    code = "push_file"


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A DICOM file and what an association for it needs."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


def outgoing_file(path: Path, *, sha256: str) -> OutgoingFile:
    """Look at a file that is to be sent.

    Raises
    ------
    FileAwayError
        It cannot be read.
    OutgoingFileError
        Its bytes are not those that were recorded, or are not a DICOM file.
    """
    try:
        if sha256_of(path) != sha256:
            raise OutgoingFileError("the file must have the recorded SHA-256, it has another")
        dataset = read_dataset(path)
    except OSError as error:
        raise FileAwayError(f"the file must be readable, got {type(error).__name__}") from None
    except DicomError as error:
        raise OutgoingFileError(str(error)) from None
    return OutgoingFile(
        path,
        str(dataset.SOPClassUID),
        str(dataset.SOPInstanceUID),
        str(dataset.file_meta.TransferSyntaxUID),
    )


class Peer:
    """An open association."""

    def __init__(self, association: Any, timeout_s: float) -> None:
        self._association = association
        self._timeout_s = timeout_s

    def send(self, file: OutgoingFile) -> str | None:
        """Send one file. Returns the receiver's warning, None when it had none.

        It is sent uncompressed wherever the receiver takes that, whatever it is on disk: most
        viewers cannot read the deflated files that archives hand on.

        Raises
        ------
        ContextRefusedError, StatusError
            This file is not taken; the association stands.
        NoAnswerError
            The association is lost.
        """
        accepted = self._accepted(file)
        with parsing("a file to be sent"):
            dataset = _in_syntax(dcmread(file.path), accepted)
        if not self._association.is_established:
            raise NoAnswerError("the receiver ended the association")
        try:
            status = self._association.send_c_store(dataset)
        except (RuntimeError, OSError):
            raise NoAnswerError("the receiver ended the association") from None
        if "Status" not in status:
            raise NoAnswerError(
                f"an answer must come within {self._timeout_s:g} s, there was none, or the"
                " connection broke"
            )
        return _judge(int(status.Status))

    def _accepted(self, file: OutgoingFile) -> set[str]:
        """Transfer syntaxes that the receiver takes for files of this kind."""
        accepted = {
            str(context.transfer_syntax[0])
            for context in self._association.accepted_contexts
            if context.abstract_syntax == file.sop_class_uid
        }
        if not accepted:
            raise ContextRefusedError(
                f"the receiver must take SOP class {file.sop_class_uid}, it accepted no"
                " presentation context for it"
            )
        return accepted


def _in_syntax(dataset: FileDataset, accepted: set[str]) -> FileDataset:
    """The dataset as one of the accepted transfer syntaxes can carry it."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_deflated and accepted & {ExplicitVRLittleEndian, ImplicitVRLittleEndian}:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    elif syntax not in accepted and syntax.is_encapsulated:
        dataset.decompress(generate_instance_uid=False)
    return dataset


def _judge(status: int) -> str | None:
    """None for success, words for a warning (PS3.4 B.2.3) and for what is stored there already.

    metseg's UIDs follow from the content, and nobody else has them: an archive that has one has the
    file, which was sent before and whose answer could not be recorded.
    """
    from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS, code_to_category

    meaning = STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))[1]
    said = f"0x{status:04X}" + (f" ({meaning})" if meaning else "")
    if status == DUPLICATE_INSTANCE:
        return f"the receiver had it already, it answered {said}"
    match code_to_category(status):
        case "Success":
            return None
        case "Warning":
            return f"stored with warning {said}"
        case _:
            raise StatusError(f"the receiver must answer success, it answered {said}")


@contextmanager
def association(
    destination: Destination, files: Sequence[OutgoingFile], *, title: str, timeout_s: float
) -> Iterator[Peer]:
    """An association that proposes what the files need, released at the end.

    `title` is our own AE title; no single wait is longer than `timeout_s`.

    Raises
    ------
    UnreachableError, RejectedError, ContextRefusedError
        There is no association.
    """
    from pynetdicom import AE
    from pynetdicom.presentation import build_context

    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # the errors here say it
    kinds = sorted({(f.sop_class_uid, f.transfer_syntax_uid) for f in files})
    contexts = [build_context(sop, [syntax]) for sop, syntax in kinds]
    contexts += [build_context(sop, UNCOMPRESSED) for sop in sorted({sop for sop, _ in kinds})]
    entity = AE(ae_title=title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = timeout_s
    entity.connection_timeout = timeout_s
    try:
        found = entity.associate(
            destination.host, destination.port, contexts=contexts, ae_title=destination.title
        )
    except (OSError, UnicodeError):  # from looking up the name; all else is in `found`
        raise UnreachableError(f"{destination} must be a host that is known, it is not") from None
    try:
        if not found.is_established:
            raise _refusal(found, destination, timeout_s)
        yield Peer(found, timeout_s)
    finally:
        if found.is_established:
            found.release()


def _refusal(found: Any, destination: Destination, timeout_s: float) -> SendError:
    """Why there is no association."""
    answer = found.acceptor.primitive
    if found.is_rejected and answer is not None:
        return RejectedError(
            f"{destination} rejected the association of this AE title: {answer.result_str},"
            f" {answer.reason_str} ({answer.source_str})"
        )
    if answer is not None and found.is_aborted and not found.accepted_contexts:
        if found.rejected_contexts:
            return ContextRefusedError(
                f"{destination} must take the kinds of our files, it accepted no presentation"
                " context"
            )
        return RejectedError(f"{destination} aborted the association")
    return UnreachableError(
        f"{destination} must answer within {timeout_s:g} s, it did not: is it running, and are host"
        " and port right?"
    )
