"""Every setting, typed, read from the environment as ``METSEG_…``. Nothing is read at import."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from metseg.counted import parse_labels, parse_patterns
from metseg.destination import Destination
from metseg.outputs import DEFAULT_OUTPUTS, OUTPUT_NAMES, parse_outputs
from metseg.variables import unknown_variables

_CHANGES_RESULT = "changes a result"
_Value = TypeVar("_Value")
ForResult = Annotated[_Value, _CHANGES_RESULT]
"""The type of a setting that can change a result, or what a result is measured against: another
value makes a new run beside the old one.
"""


class Settings(BaseSettings):
    """Settings of every command. Paths are made absolute; seconds are seconds.

    A setting is what differs from site to site: places and servers, networks and the machine, what
    counts as a result and where it goes, how studies arrive, and what the machine can bear. All
    else is a constant with its reason beside it, or a property below that follows from a setting.
    """

    model_config = SettingsConfigDict(env_prefix="METSEG_", frozen=True, extra="ignore")

    home: Path = Field(
        Path("~/.metseg"), description="Folder of the database, the spool and the results."
    )
    inbox: Path | None = Field(None, description="The watched folder. metseg only reads it.")
    spool: Path | None = Field(
        None,
        description="Folder of unchanging copies of the files that arrived. Default: HOME/spool.",
    )
    results: Path | None = Field(
        None, description="Folder of the results, with all their files. Default: HOME/results."
    )
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the database. Default: SQLite at HOME/metseg.sqlite3."
    )
    broker_url: SecretStr | None = Field(
        None,
        description="URL of the Celery broker (redis:// or amqp://). Without one, metseg runs "
        "embedded and needs no server.",
    )

    ensemble: str = Field(
        "standard",
        description="The networks: a name in the catalogue, or package.module:factory of your own "
        "ensemble.",
    )
    weights: Path | None = Field(
        None, description="Folder of the weights. Default: the shipped weights."
    )
    device: Literal["auto", "cpu", "gpu"] = Field("auto", description="Where the networks run.")
    workers_per_device: int = Field(
        1, ge=1, description="Workers that share one GPU, and its memory (docs/gpu.md)."
    )
    unload_s: float = Field(
        600.0,
        gt=0,
        description="A worker that has had nothing to do for this long gives its memory and its "
        "GPU back. It loads the networks again for the next study.",
    )
    engine: Literal["auto", "keras", "openvino", "openvino_bf16"] = Field(
        "auto",
        description="What runs the networks: keras, the reference, or openvino, which is faster on"
        " processors. auto takes openvino where it is installed and no GPU is used. openvino_bf16 "
        "is faster still on processors with AVX512-BF16 or AMX, and rounds (docs/benchmarks.md).",
    )
    flip: ForResult[bool] = Field(
        False,
        description="Average the probability with that of the left-right mirrored volume. Takes "
        "twice as long.",
    )
    accept_any_t1: ForResult[bool] = Field(
        False,
        description="Segment a T1 series even without contrast agent, or without any sign of it.",
    )
    series_rules: ForResult[Path | None] = Field(
        None,
        description="TOML file that changes how a series is chosen (docs/series-choice.md).",
    )
    seed_threshold: ForResult[float | None] = Field(
        None,
        gt=0,
        lt=1,
        description="A lesion needs one voxel of at least this probability. Default: the weights' "
        "own.",
    )
    grow_threshold: ForResult[float | None] = Field(
        None,
        gt=0,
        lt=1,
        description="Voxels of at least this probability join the lesion. Default: the weights' "
        "own.",
    )
    minimum_volume_mm3: ForResult[float | None] = Field(
        None,
        ge=0,
        description="Candidates smaller than this are dropped. Default: the weights' own.",
    )
    warn_spacing_mm: ForResult[float] = Field(
        3.0,
        gt=0,
        description="Results carry a warning where the slice spacing is larger than this.",
    )
    refuse_spacing_mm: ForResult[float] = Field(
        6.0, gt=0, description="A series is refused where its slice spacing is larger than this."
    )

    outputs: ForResult[Annotated[tuple[str, ...], NoDecode]] = Field(
        DEFAULT_OUTPUTS,
        description="Names of the files that a result has, separated by commas: "
        f"{', '.join(OUTPUT_NAMES)}. What metseg itself needs is always written "
        "(docs/outputs.md).",
    )
    compress_seg: bool = Field(
        False,
        description="Deflate the DICOM SEG files. Most web viewers cannot read deflated files.",
    )

    reference_labels: ForResult[str | None] = Field(
        None,
        description="Labels of a NIfTI reference that count as tumour, like 1,3. Default: all, "
        "with a warning where they seem to be tissues.",
    )
    reference_regions: ForResult[str | None] = Field(
        None,
        description="Names of the regions of an RTSTRUCT or SEG reference that count as tumour, "
        "like GTV*,!*old. Default: docs/references.md.",
    )

    push_to: str | None = Field(
        None,
        description="AET@HOST:PORT of the DICOM application that the DICOM files of every new "
        "current result are sent to.",
    )
    ae_title: str = Field(
        "METSEG",
        min_length=1,
        max_length=16,
        pattern=r"^[!-\[\]-~]+$",
        description="The AE title under which metseg sends.",
    )

    quiet_s: float = Field(
        60.0,
        ge=0,
        description="A study is complete when none of its files has changed for this long.",
    )
    scan_interval_s: float = Field(10.0, gt=0, description="Time between two scans of the inbox.")
    polling: bool = Field(
        False,
        description="Rely on scans alone, without file events. Network shares give no events.",
    )
    rerun_known: bool = Field(
        True,
        description="After new weights or settings, run the studies that are still in the inbox "
        "again, after all new studies.",
    )
    max_file_mb: float = Field(
        4096, gt=0, description="Files larger than this are quarantined unopened."
    )
    max_archive_files: int = Field(
        100_000,
        gt=0,
        description="An archive with more files than this is refused. Files of archives inside it "
        "count.",
    )
    max_archive_mb: float = Field(
        16384,
        ge=0,
        description="An archive that unpacks to more than this is refused. The unpacked files take "
        "space in the spool for a while. With 0, no archive is opened.",
    )

    lease_s: float = Field(
        90.0,
        gt=0,
        description="A running job is taken back when its heartbeat stands still for this long. "
        "A job sends nine heartbeats in this time.",
    )
    backoff_s: float = Field(
        30.0,
        gt=0,
        description="Wait after a first transient failure. It doubles with each further one.",
    )
    time_limit_s: int = Field(
        840,
        gt=0,
        description="A study that takes longer than this is stopped and tried again. Its process "
        "is killed 60 s later if it does not stop, at twice this time at the latest.",
    )
    min_free_mb: float = Field(
        512,
        ge=0,
        description="No study is taken in and no job is started while less space than this is "
        "free.",
    )

    log_format: Literal["plain", "json"] = Field(
        "plain", description="Log lines for people (plain) or for programs (json)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level of log lines that are written."
    )

    @field_validator("outputs", mode="before")
    @classmethod
    def _outputs(cls, given: str | Iterable[str]) -> tuple[str, ...]:
        return parse_outputs(given if isinstance(given, str) else ",".join(given))

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
        """Absolute folder of converted networks, in the user's cache folder: they can be made
        again at any time.
        """
        users = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
        return users.expanduser().absolute() / "metseg" / "engines"

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
    def beat_s(self) -> float:
        """Seconds between heartbeats: eight may fail in a row before a healthy job loses its
        lease.
        """
        return self.lease_s / 9

    @property
    def reconcile_s(self) -> float:
        """Seconds between two checks of jobs, leases and workers: two checks per heartbeat, so that
        no heartbeat is missed.
        """
        return self.beat_s / 2

    @property
    def republish_s(self) -> float:
        """Seconds after which a doorbell without an answer is rung again. A shorter time costs
        messages that do nothing; a longer one delays a job whose message the broker lost.
        """
        return 4 * self.backoff_s

    @property
    def hard_time_limit_s(self) -> int:
        """Seconds after which the process of a study is killed. Stopping takes seconds; a minute
        is enough, and no study gets more than twice its time.
        """
        return self.time_limit_s + min(60, self.time_limit_s)

    @property
    def counted_labels(self) -> frozenset[int] | None:
        """`reference_labels`; None counts all."""
        return parse_labels(self.reference_labels) if self.reference_labels else None

    @property
    def counted_regions(self) -> tuple[str, ...]:
        """`reference_regions`; where it is empty, metseg chooses (docs/references.md)."""
        return parse_patterns(self.reference_regions) if self.reference_regions else ()

    @classmethod
    def result_settings(cls) -> tuple[str, ...]:
        """Names of the settings of type `ForResult`: the only list of what can change a result."""
        fields = cls.model_fields.items()
        return tuple(name for name, field in fields if _CHANGES_RESULT in field.metadata)

    def result_values(self, rules_digest: str | None) -> dict[str, Any]:
        """The settings that can change a result.

        `rules_digest` is the digest of the rules that `series_rules` names, None where they are the
        default ones (`imaging.choice.rules`): it counts in place of the path.
        """
        values = {name: getattr(self, name) for name in self.result_settings()}
        return values | {"series_rules": rules_digest}

    def result_digest(self, rules_digest: str | None) -> str:
        """SHA-256, hex, of `result_values`: other settings make a new run."""
        values = self.result_values(rules_digest)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
