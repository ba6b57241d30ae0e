"""Why an archive is refused: the codes of refused files, each once."""

from metseg.errors import InputError


class ArchiveError(InputError):
    """An archive is damaged, or not what its name says."""

    code = "archive_invalid"


class EncryptedArchiveError(ArchiveError):
    """Its members cannot be read without a password."""

    code = "archive_encrypted"


class MethodError(ArchiveError):
    """A zip is packed by a method that metseg has no reader for."""

    code = "archive_method"


class KindError(ArchiveError):
    """An archive of a kind that is not opened, or a part of one."""

    code = "archive_kind"


class UnsafeArchiveError(ArchiveError):
    """A member's name leads out of the archive."""

    code = "archive_unsafe"


class DepthError(ArchiveError):
    """An archive within archives, deeper than allowed. The outer ones are not at fault."""

    code = "archive_limit"


class LimitError(ArchiveError):
    """More files or bytes than allowed, counting all archives within."""

    code = "archive_limit"
