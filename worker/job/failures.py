"""What went wrong in a job, and so what must happen next. Pure.

Classes and reasons: docs/reliability.md, "Failure classes".
"""

import errno
from dataclasses import dataclass
from enum import StrEnum

from billiard.exceptions import SoftTimeLimitExceeded

from db.trouble import is_database_away
from metseg.errors import (
    ConfigurationError,
    DeviceError,
    DiskFullError,
    InfrastructureError,
    InputError,
    LostLeaseError,
    MetsegError,
    OutOfMemoryError,
)


class FailureKind(StrEnum):
    """What happens to the job."""

    INPUT = "input"
    """FAILED at once: no retry helps."""
    TRANSIENT = "transient"
    """PENDING again after a while; the attempt counts."""
    INFRASTRUCTURE = "infrastructure"
    """PENDING again; the attempt is given back and this worker pauses."""
    LOST = "lost"
    """Nothing: somebody else owns the job."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A classified error. `message` never quotes what a library said: that may name a patient."""

    kind: FailureKind
    code: str
    message: str
    process_must_end: bool = False


STORAGE_ERRNOS = frozenset(
    {
        errno.EIO,
        errno.EROFS,
        errno.ESTALE,
        errno.ENOTCONN,
        errno.ENODEV,
        errno.ENXIO,
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
    }
)
"""A share that went away, a volume that turned read-only, rights that are missing."""

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


def classify(error: BaseException) -> Failure:
    """Say what must happen after this error left the walk of a study."""
    match error:
        case LostLeaseError():
            return _ours(error, FailureKind.LOST)
        case InputError():
            return _ours(error, FailureKind.INPUT)
        case InfrastructureError() | ConfigurationError():
            return _ours(error, FailureKind.INFRASTRUCTURE)
        case MetsegError():
            return _ours(error, FailureKind.TRANSIENT)
        case SoftTimeLimitExceeded():
            return Failure(FailureKind.TRANSIENT, "over_time", "stopped at the soft time limit")
        case MemoryError():
            message = "this study needs more memory than there is"
            return Failure(FailureKind.TRANSIENT, OutOfMemoryError.code, message)
        case OSError():
            return _from_system(error)
    if is_database_away(error):
        return _from_database(error)
    return Failure(FailureKind.TRANSIENT, "bug", f"{type(error).__name__}, see the log")


def _ours(error: MetsegError, kind: FailureKind) -> Failure:
    return Failure(kind, error.code, str(error), isinstance(error, DeviceError))


def _from_system(error: OSError) -> Failure:
    if error.errno in FULL_ERRNOS:
        message = "no space left on a disk that metseg writes to"
        return Failure(FailureKind.INFRASTRUCTURE, DiskFullError.code, message)
    name = errno.errorcode.get(error.errno or 0, "without a number")
    if error.errno in STORAGE_ERRNOS:
        return Failure(FailureKind.INFRASTRUCTURE, "storage", f"the system answered {name}")
    # Image libraries raise bare OSErrors for broken pictures: then the disk is not at fault.
    return Failure(FailureKind.TRANSIENT, "system", f"{type(error).__name__} {name}")


def _from_database(error: BaseException) -> Failure:
    if "full" in str(getattr(error, "orig", "")).lower():
        message = "no space left for the database"
        return Failure(FailureKind.INFRASTRUCTURE, DiskFullError.code, message)
    message = f"the database could not be asked: {type(error).__name__}"
    return Failure(FailureKind.INFRASTRUCTURE, "database", message)
