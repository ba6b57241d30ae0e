"""Every setting, typed, read from the environment as ``METSEG_…``. Nothing is read at import."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from metseg.destination import Destination
from metseg.reference_choice import parse_labels, parse_patterns
from metseg.variables import unknown_variables

RESULT_SETTINGS = (
    "accept_any_t1",
    "flip",
    "seed_threshold",
    "grow_threshold",
    "minimum_volume_mm3",
    "warn_spacing_mm",
    "refuse_spacing_mm",
    "rtstruct",
    "fractional_seg",
    "probability_nifti",
)
"""The settings that can change a result: another value makes a new run beside the old one."""

REFERENCE_SETTINGS = ("reference_labels", "reference_regions")
"""Those that can change what a result is measured against; they make a new run too."""

FIRST_RELEASE = frozenset(RESULT_SETTINGS[:7])
"""Those that were in 0.1.0."""


class Settings(BaseSettings):
    """Settings of every command. Paths are made absolute; seconds are seconds."""

    model_config = SettingsConfigDict(env_prefix="METSEG_", frozen=True, extra="ignore")

    home: Path = Field(
        Path("~/.metseg"), description="State: database, spool and results live here."
    )
    inbox: Path | None = Field(None, description="Watched folder. metseg only ever reads it.")
    spool: Path | None = Field(
        None, description="Immutable copies of what arrived. Default: HOME/spool."
    )
    results: Path | None = Field(
        None, description="Masks, SEG, pictures, reports. Default: HOME/results."
    )
    cache: Path | None = Field(
        None,
        description="What can be made again, such as converted networks. Default: metseg in the "
        "user's cache folder.",
    )
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL. Default: SQLite at HOME/metseg.sqlite3."
    )
    broker_url: SecretStr | None = Field(
        None, description="Celery broker (redis:// or amqp://). None: embedded, no server at all."
    )
    queue: str = Field("metseg", description="Name of the Celery queue, and key prefix in Redis.")

    ensemble: str = Field(
        "standard",
        description="Name in the catalogue, or package.module:factory of your own ensemble.",
    )
    weights: Path | None = Field(
        None, description="Folder of weights. Default: the ones in the box."
    )
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="Where networks run.")
    engine: Literal["auto", "keras", "openvino"] = Field(
        "auto",
        description="What runs networks: keras, the reference, or openvino, faster on processors. "
        "auto: openvino where it is installed and no GPU is used.",
    )
    flip: bool = Field(
        False, description="Average with the left-right mirrored head: twice the time."
    )
    accept_any_t1: bool = Field(
        False, description="Segment a T1 series even without any sign of a contrast agent."
    )
    series_rules: Path | None = Field(
        None,
        description="TOML file that overrides how a series is chosen (docs/series-choice.md).",
    )
    seed_threshold: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="A lesion needs one voxel this probable. Default: the weights' own.",
    )
    grow_threshold: float | None = Field(
        None, gt=0, lt=1, description="Voxels this probable join it. Default: the weights' own."
    )
    minimum_volume_mm3: float | None = Field(
        None, ge=0, description="Smaller candidates are dropped. Default: the weights' own."
    )
    warn_spacing_mm: float = Field(
        3.0, gt=0, description="Slice spacing above which results carry a warning."
    )
    refuse_spacing_mm: float = Field(
        6.0, gt=0, description="Slice spacing above which a series is refused."
    )

    rtstruct: bool = Field(False, description="Also write the lesions as a DICOM RT structure set.")
    fractional_seg: bool = Field(
        False, description="Also write the probability as a DICOM SEG of its own."
    )
    probability_nifti: bool = Field(False, description="Also write the probability as NIfTI.")
    compress_seg: bool = Field(
        False, description="Deflate the files of DICOM SEGs. Most web viewers cannot read those."
    )

    reference_labels: str | None = Field(
        None,
        description="Labels that count in NIfTI references, like 1,3. Default: all, with a "
        "warning where they seem to be tissues.",
    )
    reference_regions: str | None = Field(
        None,
        description="Names of the regions that count in RTSTRUCT and SEG references, like "
        "GTV*,!*old. Default: docs/references.md.",
    )

    push_to: str | None = Field(
        None,
        description="AET@HOST:PORT that gets the DICOM files of every new current result.",
    )
    ae_title: str = Field(
        "METSEG",
        min_length=1,
        max_length=16,
        pattern=r"^[!-\[\]-~]+$",
        description="Our own AE title when we send.",
    )
    push_timeout_s: float = Field(
        30.0, gt=0, description="Longest wait for an answer of a receiver, each."
    )

    quiet_s: float = Field(
        60.0,
        ge=0,
        description="A study is complete when nothing of it moved for this long.",
    )
    scan_interval_s: float = Field(
        10.0, gt=0, description="Time between scans of the inbox: the truth."
    )
    polling: bool = Field(
        False, description="Do not ask the system for file events (network shares give none)."
    )
    rerun_known: bool = Field(
        True,
        description="New weights or settings re-run studies still in the inbox, after new ones.",
    )
    marker: str = Field(
        ".metseg-complete", description="A file of this name ends the wait for its folder."
    )
    max_file_mb: float = Field(4096, gt=0, description="Larger files are quarantined unopened.")
    max_archive_files: int = Field(
        100_000, gt=0, description="Most files in an archive, all archives within counted."
    )
    max_archive_mb: float = Field(
        16384, gt=0, description="Most that an archive may unpack to; it takes this in the spool."
    )
    max_archive_ratio: float = Field(
        100, gt=1, description="Most that it may unpack to, as a multiple of its size."
    )
    max_archive_depth: int = Field(
        2, ge=0, description="Archives within archives that are opened; 0 opens none at all."
    )

    max_attempts: int = Field(
        3, ge=1, description="Claims of a job before it is given up as exhausted."
    )
    beat_s: float = Field(10.0, gt=0, description="Time between heartbeats of a running job.")
    lease_s: float = Field(
        90.0, gt=0, description="A job whose heartbeat stood still this long is taken back."
    )
    backoff_s: float = Field(
        30.0, ge=0, description="First wait after a transient failure; doubles each time."
    )
    republish_s: float = Field(
        120.0, gt=0, description="A doorbell without an answer is rung again after this."
    )
    reconcile_s: float = Field(
        5.0, gt=0, description="Time between looks at jobs, leases and workers."
    )
    soft_time_limit_s: int = Field(
        840, gt=0, description="A study that takes longer is stopped: transient."
    )
    hard_time_limit_s: int = Field(900, gt=0, description="… and its process is killed after this.")
    min_free_mb: float = Field(
        512, ge=0, description="Intake and claims pause below this much free space."
    )

    log_format: Literal["auto", "plain", "json"] = Field(
        "auto", description="Log lines for people or machines."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level logged."
    )

    @field_validator("reference_labels")
    @classmethod
    def _labels(cls, text: str | None) -> str | None:
        return ",".join(map(str, sorted(parse_labels(text)))) if text else None

    @field_validator("reference_regions")
    @classmethod
    def _regions(cls, text: str | None) -> str | None:
        return ",".join(parse_patterns(text)) if text else None

    @field_validator("push_to")
    @classmethod
    def _destination(cls, text: str | None) -> str | None:
        return None if not text else str(Destination.parse(text))

    @model_validator(mode="after")
    def _nothing_misspelt(self) -> Self:
        if unknown := unknown_variables(os.environ, type(self).model_fields):
            raise ValueError("; ".join(unknown))
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.lease_s <= 2 * self.beat_s:
            raise ValueError(
                f"lease_s must be more than twice beat_s ({self.beat_s}), got {self.lease_s}"
            )
        if self.hard_time_limit_s <= self.soft_time_limit_s:
            raise ValueError(
                f"hard_time_limit_s must exceed soft_time_limit_s ({self.soft_time_limit_s}),"
                f" got {self.hard_time_limit_s}"
            )
        if self.refuse_spacing_mm < self.warn_spacing_mm:
            raise ValueError(
                f"refuse_spacing_mm must not be below warn_spacing_mm ({self.warn_spacing_mm}),"
                f" got {self.refuse_spacing_mm}"
            )
        return self

    @property
    def home_dir(self) -> Path:
        """Absolute `home`."""
        return self.home.expanduser().absolute()

    @property
    def spool_dir(self) -> Path:
        """Absolute folder of the spool."""
        return (self.spool or self.home_dir / "spool").expanduser().absolute()

    @property
    def results_dir(self) -> Path:
        """Absolute folder of the results."""
        return (self.results or self.home_dir / "results").expanduser().absolute()

    @property
    def engines_dir(self) -> Path:
        """Absolute folder of converted networks."""
        users = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "metseg"
        return (self.cache or users).expanduser().absolute() / "engines"

    @property
    def database(self) -> str:
        """SQLAlchemy URL, with its password: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home_dir / 'metseg.sqlite3'}"

    @property
    def broker(self) -> str | None:
        """Celery broker URL, with its password: never log it. None means embedded."""
        return None if self.broker_url is None else self.broker_url.get_secret_value()

    @property
    def counted_labels(self) -> frozenset[int] | None:
        """`reference_labels`; None counts all."""
        return parse_labels(self.reference_labels) if self.reference_labels else None

    @property
    def counted_regions(self) -> tuple[str, ...]:
        """`reference_regions`; none leaves the choice to us."""
        return parse_patterns(self.reference_regions) if self.reference_regions else ()

    def result_values(self, rules_digest: str | None) -> dict[str, Any]:
        """The settings that can change a result.

        `rules_digest` is the digest of the rules that `series_rules` names, None where they are the
        default ones (`imaging.choice.rules`): it counts in place of the path.

        What came after the first release counts only when it is set to something else than its
        default: else every known study would run again after an upgrade.
        """
        fields = type(self).model_fields
        values = {name: getattr(self, name) for name in (*RESULT_SETTINGS, *REFERENCE_SETTINGS)}
        values["series_rules"] = rules_digest
        return {
            name: value
            for name, value in values.items()
            if name in FIRST_RELEASE or value != fields[name].default
        }

    def result_digest(self, rules_digest: str | None) -> str:
        """SHA-256, hex, of `result_values`: other settings make a new run."""
        values = self.result_values(rules_digest)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
