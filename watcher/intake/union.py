"""The next revision of a study: what it had and what arrived. Pure: no database, no disk."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from db.intake.intake import ArrivedFile, SpooledInstance


@dataclass(frozen=True, slots=True)
class Union:
    """The instances of the next snapshot, the files that are in it and those that are refused."""

    instances: tuple[SpooledInstance, ...]
    accepted: tuple[ArrivedFile, ...]
    refused: tuple[ArrivedFile, ...]


def unite(
    latest: Sequence[SpooledInstance],
    arrivals: Sequence[ArrivedFile],
    *,
    standing: Mapping[str, Collection[str]],
) -> Union:
    """Join the study's latest snapshot and the files that arrived.

    Parameters
    ----------
    latest
        The instances of the latest snapshot; nothing that left the inbox is taken away.
    standing
        For each SOPInstanceUID the SHA-256s of files that were taken in earlier and still lie in
        the inbox as they were.

    Returns
    -------
    One instance per SOPInstanceUID, sorted by it. Identical duplicates are harmless. New bytes
    replace old ones when the earlier file was overwritten or is gone; otherwise one UID has two
    contents, nobody can say which is right, and all arrivals of that series are refused
    (PS3.3 C.12.1: SOP instances are identified by their UID).
    """
    had = {held.sop_instance_uid: held for held in latest}
    contents: dict[str, set[str]] = {}
    for arrival in arrivals:
        contents.setdefault(arrival.instance.sop_instance_uid, set()).add(arrival.instance.sha256)
    disputed = {
        uid
        for uid, hashes in contents.items()
        if len(hashes | _still_there(uid, had, standing)) > 1
    }
    series = {
        arrival.instance.series_instance_uid
        for arrival in arrivals
        if arrival.instance.sop_instance_uid in disputed
    }
    accepted = tuple(a for a in arrivals if a.instance.series_instance_uid not in series)
    refused = tuple(a for a in arrivals if a.instance.series_instance_uid in series)
    had |= {arrival.instance.sop_instance_uid: arrival.instance for arrival in accepted}
    return Union(tuple(had[uid] for uid in sorted(had)), accepted, refused)


def _still_there(
    uid: str, had: Mapping[str, SpooledInstance], standing: Mapping[str, Collection[str]]
) -> set[str]:
    """The recorded bytes of this instance, if a file with them still lies in the inbox."""
    held = had.get(uid)
    if held is None or held.sha256 not in standing.get(uid, ()):
        return set()
    return {held.sha256}
