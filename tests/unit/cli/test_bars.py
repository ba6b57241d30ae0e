from cli.bars import TenthLines


def test_a_log_gets_a_line_for_each_tenth_of_a_stage_once() -> None:
    lines: list[str] = []
    report = TenthLines(lines.append)
    for done in range(41):
        report("heads", done / 40)
    assert lines == [f"heads: {percent} %" for percent in range(10, 101, 10)]


def test_a_stage_that_is_done_at_once_is_one_line_and_each_stage_has_its_own() -> None:
    lines: list[str] = []
    report = TenthLines(lines.append)
    for stage, fraction in [("read", 0.0), ("read", 1.0), ("find", 0.0), ("find", 0.55)]:
        report(stage, fraction)
    assert lines == ["read: 100 %", "find: 50 %"]
