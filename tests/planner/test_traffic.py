"""Traffic from files and from patterns."""

from pathlib import Path

import pytest

from async_endpoint.planner import Pattern, PlanError, read_arrivals
from async_endpoint.planner.traffic import DAY, MONDAY

HOUR = 3_600


def file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "arrivals.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_seconds_count_from_a_monday(tmp_path: Path) -> None:
    found = read_arrivals(file(tmp_path, "second,key", "0,a", "1.5,b", "", "90000,c"))
    assert (found.begins_at, found.seconds, list(found.arrivals)) == (MONDAY, 2 * DAY, [0, 1.5, 90_000])


def test_iso_times_count_from_their_midnight_in_utc(tmp_path: Path) -> None:
    found = read_arrivals(file(tmp_path, "2026-11-02T09:00:00Z", "2026-11-02T19:00:00+09:00", "2026-11-02T11:00:00"))
    assert found.begins_at % DAY == 0
    assert (found.seconds, list(found.arrivals)) == (DAY, [9 * HOUR, 10 * HOUR, 11 * HOUR])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1", "0.5"], r"line 2: 0\.5 is earlier than the line before"),
        (["-1"], "line 1: -1 is negative"),
        (["time", "1", "soon"], "line 3: 'soon' is no time"),
        (["1", "nan"], "line 2: 'nan' is no time"),
        (["1", "2026-11-02T09:00:00Z"], "line 2: '2026-11-02T09:00:00Z' is an ISO time, and the lines before have sec"),
        (["time"], "has no arrival"),
        ([], "has no arrival"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        read_arrivals(file(tmp_path, *lines))


def test_a_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="is no CSV file in UTF-8"):
        read_arrivals(path)
    with pytest.raises(PlanError, match="cannot be read: Is a directory"):
        read_arrivals(tmp_path)


def counts(text: str, seed: int = 0) -> list[int]:
    """Requests of each hour."""
    found = Pattern.parse(text).traffic(seed)
    assert list(found.arrivals) == sorted(found.arrivals)
    assert all(0 <= at < found.seconds for at in found.arrivals)
    hours = [0] * int(found.seconds // HOUR)
    for at in found.arrivals:
        hours[int(at // HOUR)] += 1
    return hours


def test_a_rate_is_kept_around_the_clock() -> None:
    hours = counts("rate=100,days=7")
    assert sum(hours) == pytest.approx(100 * 7 * 24, rel=0.05)  # six standard deviations
    assert min(hours) > 50


def test_office_hours_are_full_and_the_rest_is_empty() -> None:
    hours = counts("office-rate=200,office-hours=9-17,office-days=1-5,days=7")
    at_work = [day * 24 + hour for day in range(5) for hour in range(9, 17)]
    assert min(hours[hour] for hour in at_work) > 100
    assert sum(hours) == sum(hours[hour] for hour in at_work)


def test_a_nightly_batch_arrives_within_a_minute() -> None:
    found = Pattern.parse("nightly=50,nightly-hour=3,days=2").traffic(0)
    assert len(found.arrivals) == 100
    assert all(0 <= at % DAY - 3 * HOUR < 60 for at in found.arrivals)


def test_bursts_come_in_whole() -> None:
    assert sum(counts("bursts=24,burst-size=10,days=10")) == pytest.approx(2_400, rel=0.3)


def test_growth_is_that_of_thirty_days() -> None:
    hours = counts("rate=100,growth=100,days=30")
    assert sum(hours[-24:]) / sum(hours[:24]) == pytest.approx(2, rel=0.2)


def test_the_seed_decides() -> None:
    assert counts("rate=5,days=1", 1) == counts("rate=5,days=1", 1) != counts("rate=5,days=1", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat=3", "A pattern has no 'rat'"),
        ("rate=many", "rate is a number from 0 to 1e"),
        ("rate=-1", "rate is a number"),
        ("rate=nan", "rate is a number"),
        ("rate=1,days=1.5", "days is a whole number from 1 to 400, and not '1.5'"),
        ("rate=1,office-hours=17-9", "office-hours is a span within 0-24"),
        ("office-rate=1,office-hours=9-9", "office-hours is a span"),
        ("bursts=3", "has no request"),
    ],
)
def test_a_wrong_pattern_is_a_sentence(text: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Pattern.parse(text)


def test_too_many_requests_are_not_drawn() -> None:
    with pytest.raises(PlanError, match="at most 50,000,000 are simulated"):
        Pattern.parse("rate=1000000,days=400").traffic(0)


def test_epoch_seconds_are_rejected_as_seconds_from_the_first_moment(tmp_path: Path) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_text("1799020800\n", encoding="utf-8")
    with pytest.raises(
        PlanError, match="more than 366 days after the first moment, 0: write dates and epoch seconds as"
    ):
        read_arrivals(file)
