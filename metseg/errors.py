"""What can go wrong, sorted by what must happen next. The database stores the stable code of the
leaf.
"""

from typing import ClassVar


class MetsegError(Exception):
    """The root of all errors of metseg. Catch it at the edges only: task, watcher loop, command
    line.

    Messages name our own ids, the rule and what was found; never a patient.
    """

    code: ClassVar[str] = "error"


class InputError(MetsegError):
    """The study itself is at fault: no retry will help."""

    code = "input"


class DicomError(InputError):
    """A file is not the DICOM it claims to be, or exceeds one of our limits."""

    code = "dicom_invalid"


class SeriesError(InputError):
    """The instances of a series do not make one volume."""

    code = "series_invalid"


class PatientError(InputError):
    """Images that must be of one patient are of several."""

    code = "several_patients"


class GeometryError(InputError):
    """Positions, orientations or spacings do not make a regular grid."""

    code = "geometry_invalid"


class SpacingError(GeometryError):
    """Slices are too far apart to be segmented."""

    code = "slice_spacing_too_large"


class BlankImageError(InputError):
    """Every voxel has the same value: there is nothing to see."""

    code = "blank_image"


class NoBrainError(InputError):
    """The networks see no brain in the image: it is another part of the body, a phantom, noise."""

    code = "no_brain"


class ReferenceMaskError(InputError):
    """A reference segmentation cannot be laid on the volume."""

    code = "reference_invalid"


class TransientError(MetsegError):
    """The fault may pass when the job is tried again. Attempts are counted, with backoff."""

    code = "transient"


class OutOfMemoryError(TransientError):
    """A MemoryError that would otherwise end the whole Celery worker (reliability.md, fact 4)."""

    code = "out_of_memory"


class InfrastructureError(MetsegError):
    """Disk, database or device: not the study's fault. The attempt is refunded and work pauses."""

    code = "infrastructure"


class DiskFullError(InfrastructureError):
    """A disk that we write to has no space left."""

    code = "disk_full"


class DeviceError(InfrastructureError):
    """The compute device failed. The process must end; another one takes the job."""

    code = "device"


class WeightsError(InfrastructureError):
    """A weights file is missing or does not have its recorded SHA-256."""

    code = "weights"


class LostLeaseError(MetsegError):
    """Another worker owns the job now: the fence has moved. Discard the work."""

    code = "lost_lease"


class ConfigurationError(MetsegError):
    """A setting is missing or contradicts another."""

    code = "configuration"
