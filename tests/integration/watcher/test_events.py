"""File events on a real folder: they only ever shorten a wait."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watcher.scan.events import Hints

LONG_S = 10.0


@pytest.fixture
def hints(tmp_path: Path) -> Iterator[Hints]:
    (tmp_path / "inbox" / "deep").mkdir(parents=True)
    made = Hints(tmp_path / "inbox", polling=False)
    try:
        made.revive()
        _drain(made)
        yield made
    finally:
        made.close()


def _drain(hints: Hints) -> None:
    while hints.wait(0.3):
        pass


def _hinted(hints: Hints, change: Callable[[], object]) -> bool:
    change()
    return hints.wait(LONG_S)


def test_file_events_of_an_arrival_give_a_hint(hints: Hints, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    outside = tmp_path / "study"
    outside.mkdir()
    (outside / "f").write_bytes(b"x")
    assert _hinted(hints, lambda: (inbox / "deep" / "f").write_bytes(b"x"))
    _drain(hints)
    assert _hinted(hints, lambda: outside.rename(inbox / "study"))
    _drain(hints)
    assert _hinted(hints, lambda: (inbox / "study" / "g").write_bytes(b"x"))


def test_file_events_of_reading_give_no_hint(hints: Hints, tmp_path: Path) -> None:
    path = tmp_path / "inbox" / "f"
    path.write_bytes(b"x")
    _drain(hints)
    path.read_bytes()
    list((tmp_path / "inbox").iterdir())
    assert not hints.wait(0.5)


def test_a_dead_observer_is_replaced(hints: Hints, tmp_path: Path) -> None:
    observer = hints._observer
    assert observer is not None
    observer.stop()
    observer.join()
    hints.revive()
    assert hints._observer is not observer
    _drain(hints)
    assert _hinted(hints, lambda: (tmp_path / "inbox" / "f").write_bytes(b"x"))


def test_an_inbox_that_is_another_folder_now_is_watched_anew(hints: Hints, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.rename(tmp_path / "away")
    hints.revive()  # nothing there: nothing happens
    inbox.mkdir()
    hints.revive()
    _drain(hints)
    assert _hinted(hints, lambda: (inbox / "f").write_bytes(b"x"))


def test_a_living_observer_is_left_alone(hints: Hints) -> None:
    observer = hints._observer
    hints.revive()
    assert hints._observer is observer


def test_a_polling_watcher_asks_for_no_events(tmp_path: Path) -> None:
    hints = Hints(tmp_path, polling=True)
    hints.revive()
    assert hints._observer is None
    started = time.monotonic()
    assert not hints.wait(0.05)
    assert time.monotonic() - started < LONG_S


def test_a_watcher_without_free_inotify_watches_goes_on_by_scans_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class NoFreeWatches:
        def schedule(self, *_: object, **__: object) -> None:
            raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watcher.scan.events.Observer", NoFreeWatches)
    hints = Hints(tmp_path, polling=False)
    hints.revive()
    hints.revive()
    assert caplog.text.count("no file events") == 1
