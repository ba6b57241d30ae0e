"""What the next revision holds. Letters stand for bytes, numbers for instances."""

from collections.abc import Mapping

from db.intake.intake import ArrivedFile, SpooledInstance
from watcher.intake.union import Union, unite


def spooled(sop: str, content: str, series: str = "series") -> SpooledInstance:
    return SpooledInstance(series, sop, "MR", 1, content)


def arrivals(*instances: SpooledInstance) -> list[ArrivedFile]:
    return [ArrivedFile(number, instance) for number, instance in enumerate(instances)]


def join(
    latest: list[SpooledInstance],
    new: list[SpooledInstance],
    standing: Mapping[str, set[str]] | None = None,
) -> Union:
    return unite(latest, arrivals(*new), standing=standing or {})


def content(union: Union) -> dict[str, str]:
    return {one.sop_instance_uid: one.sha256 for one in union.instances}


def test_the_first_revision_of_a_study_is_what_arrived() -> None:
    union = join([], [spooled("2", "b"), spooled("1", "a")])
    assert [one.sop_instance_uid for one in union.instances] == ["1", "2"]
    assert len(union.accepted) == 2


def test_late_slices_join_the_earlier_ones() -> None:
    assert content(join([spooled("1", "a")], [spooled("2", "b")])) == {"1": "a", "2": "b"}


def test_the_same_study_again_changes_nothing() -> None:
    latest = [spooled("1", "a"), spooled("2", "b")]
    union = join(latest, latest, standing={"1": {"a"}, "2": {"b"}})
    assert list(union.instances) == latest
    assert union.refused == ()


def test_identical_duplicates_of_an_instance_are_harmless() -> None:
    union = join([], [spooled("1", "a"), spooled("1", "a")])
    assert content(union) == {"1": "a"}
    assert len(union.accepted) == 2


def test_two_contents_of_one_instance_at_once_refuse_its_series_and_no_other() -> None:
    new = [
        spooled("1", "a"),
        spooled("1", "x"),
        spooled("2", "b"),
        spooled("9", "z", series="other"),
    ]
    union = join([], new)
    assert content(union) == {"9": "z"}
    assert [arrival.file_id for arrival in union.refused] == [0, 1, 2]


def test_new_bytes_of_an_instance_replace_those_of_a_file_that_is_gone() -> None:
    union = join([spooled("1", "a"), spooled("2", "b")], [spooled("1", "x")])
    assert content(union) == {"1": "x", "2": "b"}


def test_new_bytes_of_an_instance_are_refused_while_the_old_file_exists() -> None:
    union = join([spooled("1", "a")], [spooled("1", "x"), spooled("2", "b")], standing={"1": {"a"}})
    assert content(union) == {"1": "a"}
    assert len(union.refused) == 2


def test_an_existing_file_with_bytes_of_an_older_revision_is_not_a_dispute() -> None:
    union = join([spooled("1", "b")], [spooled("1", "x")], standing={"1": {"a"}})
    assert content(union) == {"1": "x"}
