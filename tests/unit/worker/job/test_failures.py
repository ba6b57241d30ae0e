"""Each error gets the class that decides what happens to the job."""

import errno

import psycopg
import pytest
import sqlalchemy.exc as sa
from billiard.exceptions import SoftTimeLimitExceeded

from metseg.errors import (
    ConfigurationError,
    DeviceError,
    GeometryError,
    LostLeaseError,
    SpacingError,
    TransientError,
    WeightsError,
)
from worker.job.failures import FailureKind, classify

INPUT, TRANSIENT = FailureKind.INPUT, FailureKind.TRANSIENT
INFRASTRUCTURE, LOST = FailureKind.INFRASTRUCTURE, FailureKind.LOST


def database_error(message: str) -> sa.OperationalError:
    return sa.OperationalError("INSERT", {}, psycopg.OperationalError(message))


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (SpacingError("7 mm"), INPUT, "slice_spacing_too_large"),
        (GeometryError("gap"), INPUT, "geometry_invalid"),
        (TransientError("try again"), TRANSIENT, "transient"),
        (ConfigurationError("no such ensemble"), INFRASTRUCTURE, "configuration"),
        (WeightsError("hash"), INFRASTRUCTURE, "weights"),
        (DeviceError("gone"), INFRASTRUCTURE, "device"),
        (LostLeaseError("fence"), LOST, "lost_lease"),
        (MemoryError(), TRANSIENT, "out_of_memory"),
        (SoftTimeLimitExceeded(840), TRANSIENT, "over_time"),
        (OSError(errno.ENOSPC, "full"), INFRASTRUCTURE, "disk_full"),
        (OSError(errno.EDQUOT, "quota"), INFRASTRUCTURE, "disk_full"),
        (OSError(errno.ESTALE, "share"), INFRASTRUCTURE, "storage"),
        (FileNotFoundError(errno.ENOENT, "spool gone"), INFRASTRUCTURE, "storage"),
        (OSError("image file is truncated"), TRANSIENT, "system"),
        (database_error("server closed the connection"), INFRASTRUCTURE, "database"),
        (database_error("database or disk is full"), INFRASTRUCTURE, "disk_full"),
        (sa.IntegrityError("INSERT", {}, psycopg.IntegrityError()), TRANSIENT, "bug"),
        (ValueError("whatever"), TRANSIENT, "bug"),
        (RecursionError(), TRANSIENT, "bug"),
    ],
)
def test_an_error_is_classified(error: Exception, kind: FailureKind, code: str) -> None:
    failure = classify(error)
    assert (failure.kind, failure.code) == (kind, code)


def test_only_a_failed_device_ends_the_process() -> None:
    assert classify(DeviceError("gone")).process_must_end
    assert not classify(WeightsError("hash")).process_must_end


@pytest.mark.parametrize(
    "error",
    [
        ValueError("CANARY^PATIENT"),
        OSError("CANARY^PATIENT"),
        OSError(errno.ENOENT, "CANARY^PATIENT", "/inbox/CANARY^PATIENT"),
        database_error("CANARY^PATIENT"),
    ],
)
def test_the_message_of_a_library_error_is_not_repeated(error: Exception) -> None:
    assert "CANARY" not in classify(error).message
