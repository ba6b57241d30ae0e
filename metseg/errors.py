"""What can go wrong, by what must happen next. The database stores the stable code of an error."""

from typing import ClassVar


class MetsegError(Exception):
    """Root of all errors of metseg. Catch it at the edges only: task, watcher loop, command line.

    Messages name metseg's own ids, the rule and what was found; never a patient.
    """

    code: ClassVar[str] = "error"


class InputError(MetsegError):
    """The study itself is at fault: no retry will help."""

    code = "input"


class DicomError(InputError):
    """A file is not the DICOM that it claims to be, or is beyond a limit of metseg."""

    code = "dicom_invalid"


class SeriesError(InputError):
    """The instances of a series do not make one volume."""

    code = "series_invalid"


class PatientError(InputError):
    """Images of several patients came as one."""

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
    """The networks see no brain in the image: another part of the body, a phantom, noise."""

    code = "no_brain"


class ReferenceMaskError(InputError):
    """A reference segmentation cannot be laid on the volume."""

    code = "reference_invalid"


class TransientError(MetsegError):
    """The fault may pass: the job is tried again, with backoff, and the attempt counts."""

    code = "transient"


class OutOfMemoryError(TransientError):
    """A MemoryError that would otherwise end the whole Celery worker (reliability.md, fact 4)."""

    code = "out_of_memory"


class InfrastructureError(MetsegError):
    """Disk, database or device: not the study's fault. The attempt is refunded and work pauses."""

    code = "infrastructure"


class DiskFullError(InfrastructureError):
    """No space on a disk that metseg writes to."""

    code = "disk_full"


class DeviceError(InfrastructureError):
    """The compute device failed. The process must end; another process takes the job."""

    code = "device"


class NoDeviceError(DeviceError):
    """A GPU is wanted, and the framework sees none."""


class NoFreeDeviceError(InfrastructureError):
    """Other processes of the host hold all devices that could be computed on."""

    code = "no_free_device"


class WeightsError(InfrastructureError):
    """A weights file is missing or does not have its recorded SHA-256."""

    code = "weights"


class LostLeaseError(MetsegError):
    """Somebody else owns the job now: the fence has moved. Discard the work."""

    code = "lost_lease"


class ConfigurationError(MetsegError):
    """A setting is missing or contradicts another."""

    code = "configuration"
