"""Wall times, statuses, names and parsers, without a vendor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csod_pipelines.model.records import EnrollmentState
from csod_pipelines.systems.administrate import parse as administrate_parse
from csod_pipelines.systems.administrate.feeds import Cursor
from csod_pipelines.systems.cornerstone import parse, statuses
from csod_pipelines.systems.cornerstone.catalogue import PART_NAME_CHARS, _name
from csod_pipelines.systems.cornerstone.timezones import ZONES, zone_of
from csod_pipelines.systems.defaults import SystemClock
from csod_pipelines.systems.errors import Malformed, Refused
from csod_pipelines.systems.tokens import Token, TokenCache
from csod_pipelines.systems.vendor_clock import VendorClock
from csod_pipelines.systems.walltime import from_wall, to_wall
from csod_pipelines.systems.words import model_fields

PARIS = ZoneInfo("Europe/Paris")
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC))


@given(moment=moments, label=st.sampled_from(sorted(ZONES)))
def test_an_instant_survives_the_way_through_a_wall_time_or_is_refused(moment: datetime, label: str) -> None:
    zone = zone_of(label)
    try:
        wall = to_wall(moment, zone)
    except Refused as err:
        assert err.code == "wall_time"
        return
    assert from_wall(wall, zone) == moment


@given(moment=moments, label=st.sampled_from(sorted(ZONES)))
def test_what_cornerstone_prints_of_a_part_is_read_as_the_instant_it_shows(moment: datetime, label: str) -> None:
    local = moment.astimezone(zone_of(label))
    part = {
        "PartStartDate": local.strftime("%Y-%m-%d"),
        "PartStartTime": local.strftime("%I:%M:%S %p").lower(),
        "PartTimeZone": local.tzname(),
        "TimezoneDescription": label,
    }
    try:
        assert parse.moment(part, "PartStartDate", "PartStartTime") == moment
    except Refused:
        other = moment + timedelta(hours=1), moment - timedelta(hours=1)
        assert any(each.astimezone(zone_of(label)).tzname() == local.tzname() for each in other)


def test_an_hour_that_is_skipped_and_one_that_comes_twice_are_refused() -> None:
    with pytest.raises(Refused, match="does not exist"):
        from_wall(datetime(2027, 3, 28, 2, 30), PARIS)
    with pytest.raises(Refused, match="exists twice"):
        from_wall(datetime(2027, 10, 31, 2, 30), PARIS)
    assert from_wall(datetime(2027, 10, 31, 2, 30), PARIS, abbreviation="CET") == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    assert from_wall(datetime(2027, 10, 31, 2, 30), PARIS, abbreviation="CEST") == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_every_label_names_a_zone_whose_winter_offset_it_prints() -> None:
    known = available_timezones()
    for label, name in ZONES.items():
        assert name in known, label
    with pytest.raises(Malformed, match="Middle Earth"):
        zone_of("(UTC+02:00) Middle Earth")


@pytest.mark.parametrize(
    ("title", "state", "result"),
    [
        ("Registered", EnrollmentState.ACTIVE, None),
        ("In Progress / Past Due", EnrollmentState.ACTIVE, None),
        ("Completed", EnrollmentState.ACTIVE, True),
        ("Completed Equivalent", EnrollmentState.ACTIVE, True),
        ("Exempt", EnrollmentState.ACTIVE, True),
        ("Failed", EnrollmentState.ACTIVE, False),
        ("Pending Approval", EnrollmentState.HOLDING, None),
        ("Approved", EnrollmentState.HOLDING, None),
        ("Wait Listed", EnrollmentState.HOLDING, None),
        ("Denied", EnrollmentState.CANCELLED, None),
        ("Withdrawn", EnrollmentState.CANCELLED, None),
        ("Cancelled", EnrollmentState.CANCELLED, None),
        ("Removed", EnrollmentState.CANCELLED, None),
        ("Incomplete", EnrollmentState.NO_STATEMENT, None),
        ("No Show", EnrollmentState.NO_STATEMENT, None),
        ("Archived", EnrollmentState.NO_STATEMENT, None),
        ("Something new", EnrollmentState.NO_STATEMENT, None),
        (None, EnrollmentState.NO_STATEMENT, None),
    ],
)
def test_a_status_says_what_the_table_of_directions_says(title: str | None, state: EnrollmentState, result: bool | None) -> None:
    assert statuses.state_of(title) is state and statuses.result_of(title) is result


@given(titles=st.lists(st.text(max_size=80), max_size=8))
def test_part_names_differ_within_a_session_and_fit(titles: list[str]) -> None:
    taken: set[str] = set()
    names = [_name(title, taken) for title in titles]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(0 < len(name) <= PART_NAME_CHARS for name in names)


def test_an_answer_in_an_unknown_shape_is_malformed_not_a_crash() -> None:
    with pytest.raises(Malformed, match="cornerstone user"):
        parse.employee({"firstName": "A"}, person_ou_type=2)
    with pytest.raises(Malformed, match="administrate learner"):
        administrate_parse.learner({"id": "x"}, marks=[{"attendanceMark": "Present", "session": 1}])
    with pytest.raises(Malformed, match="no id of a transcript row"):
        parse.split_enrollment("77:x")


def test_subject_paths_survive_a_loop_in_the_tree() -> None:
    rows = [{"subject_id": 1, "title": "A", "parent_id": 2}, {"subject_id": 2, "title": "B", "parent_id": 1}]
    assert len(list(parse.subject_paths(rows))) == 2


def test_refusals_name_the_models_fields() -> None:
    assert model_fields(["primaryEmail", "ous[0].id", "somethingElse"]) == ("email", "org_unit_id", "somethingElse")
    assert model_fields(["personalName"]) == ("first_name", "last_name")


def test_a_cursor_survives_its_text() -> None:
    cursor = Cursor(since=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), resumed=True, told={"a": "b"})
    assert Cursor.parse(cursor.text()) == cursor


class Hands(SystemClock):
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_a_token_is_used_until_shortly_before_its_end_and_fetched_once_when_refused() -> None:
    clock, fetched = Hands(), []

    def fetch() -> Token:
        fetched.append(clock.seconds)
        return Token(value=f"t{len(fetched)}", lifetime_seconds=3600)

    cache = TokenCache(fetch, clock=clock)
    assert [cache.get(), cache.get()] == ["t1", "t1"]
    clock.seconds = 3569
    assert cache.get() == "t1"
    clock.seconds = 3571
    assert cache.get() == "t2"
    cache.refused("t1")
    assert cache.get() == "t2"
    cache.refused("t2")
    assert cache.get() == "t3" and len(fetched) == 3


def test_the_vendors_clock_never_steps_back_within_a_second_and_follows_a_jump() -> None:
    hands = Hands()
    clock = VendorClock(hands)
    clock.hear("Sun, 22 Nov 2026 02:00:00 GMT")
    hands.seconds = 0.9
    clock.hear("Sun, 22 Nov 2026 02:00:00 GMT")
    assert clock.now() == datetime(2026, 11, 22, 2, 0, 0, 900_000, tzinfo=UTC)
    clock.hear("Sun, 22 Nov 2026 02:00:59 GMT")
    assert clock.now() == datetime(2026, 11, 22, 2, 0, 59, tzinfo=UTC)
    assert clock.end_of_minute() == datetime(2026, 11, 22, 2, 1, tzinfo=UTC)
    clock.hear("nonsense")
    clock.hear(None)
    clock.hear("Sun, 22 Nov 2026 01:00:00 GMT")
    assert clock.now() == datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
