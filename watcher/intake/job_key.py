"""Which model and settings the jobs of this watcher are for."""

import subprocess
import sys

from imaging.choice.rules import rules_in_force
from metseg.errors import ConfigurationError
from metseg.settings import Settings
from watcher.intake.intake import JobKey

ASK = "import sys; from models.catalogue import model_version; print(model_version(sys.argv[1]))"
ASK_TIMEOUT_S = 120


def job_key(settings: Settings) -> JobKey:
    """The key that jobs are made with.

    An ensemble of the user's own is asked in a process of its own: importing it may load a whole
    deep-learning library, and the watcher must stay small.

    Raises
    ------
    MetsegError
        The ensemble is unknown, or its weights are missing.
    """
    if ":" in settings.ensemble:
        version = _ask_apart(settings.ensemble)
    else:
        from models.catalogue import model_version

        version = model_version(settings.ensemble, settings.weights)
    rules = rules_in_force(settings.series_rules)
    return JobKey(version, settings.result_digest(rules.digest))


def _ask_apart(ensemble: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603
            [sys.executable, "-c", ASK, ensemble],
            capture_output=True,
            text=True,
            timeout=ASK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"ensemble must load within {ASK_TIMEOUT_S} s, got {ensemble}"
        ) from None
    lines = answer.stdout.split("\n")
    if answer.returncode != 0 or not lines[-2:-1]:
        last = answer.stderr.strip().rsplit("\n", 1)[-1]
        raise ConfigurationError(f"ensemble must be importable, got {ensemble}: {last}")
    return lines[-2]
