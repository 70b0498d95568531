from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from csod_pipelines.store import links, work
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.work import Claim, Fenced, Mark

PEOPLE = "people_sync"


def mark(database: Database, *marks: Mark | str) -> int:
    with database.begin() as conn:
        return work.mark(conn, [m if isinstance(m, Mark) else Mark(m, PEOPLE) for m in marks])


def claim(database: Database, owner: str = "first", **options: Any) -> list[Claim]:
    with database.begin() as conn:
        return work.claim(conn, flows=[PEOPLE, "enrollment_sync"], owner=owner, **options)


def claim_one(database: Database, owner: str = "first", **options: Any) -> Claim:
    (only,) = claim(database, owner, **options)
    return only


def finish(database: Database, done: Claim) -> bool:
    with database.begin() as conn:
        return work.finish(conn, done)


def waiting(database: Database) -> work.Waiting:
    with database.read() as conn:
        return work.waiting(conn, [PEOPLE])


def test_marking_a_record_twice_is_marking_it_once(timed: Database) -> None:
    assert mark(timed, "person:administrate:1", "person:administrate:1") == 1
    assert mark(timed, "person:administrate:1") == 1
    claimed = claim(timed, limit=10)
    assert [c.subject for c in claimed] == ["person:administrate:1"]
    assert claimed[0].version == 2
    assert finish(timed, claimed[0])
    assert claim(timed) == []


def test_a_claim_says_from_which_sides_the_hints_came(timed: Database) -> None:
    mark(timed, Mark("person:administrate:1", PEOPLE, side="administrate", event_number=7))
    mark(timed, Mark("person:administrate:2", PEOPLE, side="administrate"), Mark("person:administrate:2", PEOPLE, side="cornerstone"))
    mark(timed, Mark("person:administrate:3", PEOPLE))
    by_subject = {c.subject[-1]: c for c in claim(timed, limit=10)}
    assert by_subject["1"].sides == {"administrate"}
    assert by_subject["1"].up_to_event == 7
    assert by_subject["2"].sides == by_subject["3"].sides == {"administrate", "cornerstone"}


def test_a_leased_unit_is_given_to_nobody_else(timed: Database) -> None:
    mark(timed, "person:administrate:1")
    claim_one(timed, "first")
    assert claim(timed, "second") == []
    with timed.begin() as conn:
        assert work.claim_subject(conn, "person:administrate:1", owner="second") is None


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_can_record_nothing(timed: Database, clock: Any) -> None:
    mark(timed, "person:administrate:1")
    lost = claim_one(timed, "first", lease_seconds=30)
    clock.advance(29)
    assert claim(timed, "second") == []
    clock.advance(2)
    taken = claim_one(timed, "second")
    assert taken.taken_over
    assert taken.attempts == 1
    assert not lost.taken_over
    for action in (
        lambda conn: work.finish(conn, lost),
        lambda conn: work.postpone(conn, lost, seconds=1, reason="x"),
        lambda conn: work.wait_for(conn, lost, ["person:administrate:2"]),
        lambda conn: work.park(conn, lost, reason="x", params={}),
        lambda conn: work.rename(conn, lost, "link:1"),
    ):
        with pytest.raises(Fenced), timed.begin() as conn:
            action(conn)
    assert finish(timed, taken)


def test_an_old_fence_does_not_fit_a_row_that_was_made_anew(timed: Database, clock: Any) -> None:
    """A row deleted and marked again would start counting from one, and the same process may hold it again."""
    mark(timed, "person:administrate:1")
    lost = claim_one(timed, "first")
    clock.advance(31)
    assert finish(timed, claim_one(timed, "second"))
    mark(timed, "person:administrate:1")
    claim_one(timed, "first")
    with pytest.raises(Fenced):
        finish(timed, lost)


def test_renewing_keeps_the_lease_and_tells_which_were_lost(timed: Database, clock: Any) -> None:
    mark(timed, "person:administrate:1", "person:administrate:2")
    claim(timed, "first", limit=2)
    for _ in range(5):
        clock.advance(20)
        with timed.begin() as conn:
            held = work.renew(conn, owner="first", subjects=["person:administrate:1"])
        assert held == {"person:administrate:1"}
    assert [c.subject for c in claim(timed, "second", limit=9)] == ["person:administrate:2"]
    with timed.begin() as conn:
        assert work.renew(conn, owner="first", subjects=["person:administrate:1", "person:administrate:2"]) == {"person:administrate:1"}


def test_a_mark_during_the_lease_makes_the_unit_ready_once_more(timed: Database) -> None:
    mark(timed, Mark("person:administrate:1", PEOPLE, side="administrate"))
    first = claim_one(timed)
    mark(timed, Mark("person:administrate:1", PEOPLE, side="cornerstone", event_number=9))
    assert claim(timed, "second") == []
    assert not finish(timed, first)
    again = claim_one(timed)
    assert again.sides == {"cornerstone"}, "the second look is about what came after the first began"
    assert again.up_to_event == 9
    assert not again.taken_over
    assert finish(timed, again)


def test_members_marked_during_the_lease_are_kept_for_the_next_look(timed: Database) -> None:
    roster = "roster:administrate:EV1"
    mark(timed, Mark(roster, "enrollment_sync", member="enrollment:administrate:1", event_number=1))
    mark(timed, Mark(roster, "enrollment_sync", member="enrollment:administrate:2", side="administrate", event_number=2))
    first = claim_one(timed)
    assert [(m.member, m.up_to_event) for m in first.members] == [("enrollment:administrate:1", 1), ("enrollment:administrate:2", 2)]
    mark(timed, Mark(roster, "enrollment_sync", member="enrollment:administrate:2", event_number=3))
    mark(timed, Mark(roster, "enrollment_sync", member="enrollment:administrate:3", event_number=4))
    assert not finish(timed, first)
    again = claim_one(timed)
    assert [m.member for m in again.members] == ["enrollment:administrate:2", "enrollment:administrate:3"]
    assert finish(timed, again)
    with timed.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM work_member")).scalar_one() == 0


def test_a_mark_with_a_delay_is_not_ready_before(timed: Database, clock: Any) -> None:
    mark(timed, Mark("person:administrate:1", PEOPLE, delay_seconds=60))
    assert claim(timed) == []
    assert waiting(timed).next_ready_at == clock.now + timedelta(seconds=60)
    mark(timed, Mark("person:administrate:1", PEOPLE, delay_seconds=5))
    clock.advance(6)
    assert claim_one(timed).version == 2


def test_the_longest_ready_comes_first_whatever_its_flow(timed: Database, clock: Any) -> None:
    for number, flow in enumerate((PEOPLE, "enrollment_sync", PEOPLE)):
        mark(timed, Mark(f"person:administrate:{number}", flow))
        clock.advance(1)
    assert [claim_one(timed, f"w{n}").subject[-1] for n in range(3)] == ["0", "1", "2"]


def test_a_postponed_unit_waits_and_counts_its_attempts(timed: Database, clock: Any) -> None:
    mark(timed, "person:administrate:1")
    for attempt in range(3):
        claimed = claim_one(timed)
        assert claimed.attempts == attempt
        with timed.begin() as conn:
            work.postpone(conn, claimed, seconds=10, reason="vendor_unavailable")
        clock.advance(9)
        assert claim(timed) == []
        clock.advance(2)
    claimed = claim_one(timed)
    with timed.begin() as conn:
        work.postpone(conn, claimed, until=clock.now + timedelta(seconds=30), reason="rate_limited", count_attempt=False)
    clock.advance(31)
    assert claim_one(timed).attempts == 3


def test_a_unit_waits_for_another_and_its_end_wakes_it(timed: Database, clock: Any) -> None:
    mark(timed, Mark("roster:administrate:EV1", "enrollment_sync"))
    roster = claim_one(timed)
    with timed.begin() as conn:
        work.mark(conn, [Mark("person:administrate:7", PEOPLE)])
        work.wait_for(conn, roster, ["person:administrate:7", "person:administrate:8"])
    person = claim_one(timed)
    assert person.subject == "person:administrate:7"
    assert claim(timed) == []
    finish(timed, person)
    assert claim_one(timed).subject == "roster:administrate:EV1"


def test_a_unit_that_waits_under_a_record_key_is_woken_by_its_link(timed: Database) -> None:
    """The prerequisite was named before it had a link, and finished under the link."""
    mark(timed, Mark("roster:administrate:EV1", "enrollment_sync"))
    roster = claim_one(timed)
    with timed.begin() as conn:
        work.wait_for(conn, roster, ["person:administrate:7"])
        link = links.claim_link(conn, kind="person", natural_key="a", system="administrate", id="7")
        assert isinstance(link, links.Link)
        links.bind(conn, link.id, system="cornerstone", id="70")
        assert work.wake(conn, [f"link:{link.id}"]) == 1
    assert claim_one(timed).subject == "roster:administrate:EV1"


def test_nothing_waits_for_ever(timed: Database, clock: Any) -> None:
    mark(timed, "person:administrate:1")
    with timed.begin() as conn:
        (claimed,) = work.claim(conn, flows=[PEOPLE], owner="first")
        work.wait_for(conn, claimed, ["org_unit:administrate:1"], fallback_seconds=300)
    clock.advance(299)
    assert claim(timed) == []
    clock.advance(2)
    assert not claim_one(timed).taken_over


def test_a_mark_ends_the_waiting(timed: Database) -> None:
    mark(timed, "person:administrate:1")
    with timed.begin() as conn:
        (claimed,) = work.claim(conn, flows=[PEOPLE], owner="first")
        work.wait_for(conn, claimed, ["org_unit:administrate:1"])
    mark(timed, "person:administrate:1")
    assert claim_one(timed).subject == "person:administrate:1"


def test_a_parked_unit_stays_parked_and_goes_on_counting(timed: Database) -> None:
    mark(timed, "person:administrate:1")
    with timed.begin() as conn:
        (claimed,) = work.claim(conn, flows=[PEOPLE], owner="first")
        work.park(conn, claimed, reason="several_candidates", params={"ids": ["1", "2"]})
    mark(timed, Mark("person:administrate:1", PEOPLE, event_number=12))
    assert claim(timed) == []
    with timed.begin() as conn:
        assert work.claim_subject(conn, "person:administrate:1", owner="first") is None
        (parked,) = work.parked(conn)
        assert (parked.subject, parked.reason, parked.params) == ("person:administrate:1", "several_candidates", {"ids": ["1", "2"]})
        assert work.waiting(conn, [PEOPLE]).parked == 1
        assert work.unpark(conn, "person:administrate:1")
        assert not work.unpark(conn, "person:administrate:1")
    assert claim_one(timed).up_to_event == 12


def test_a_mark_of_either_record_marks_their_link(timed: Database) -> None:
    with timed.begin() as conn:
        link = links.claim_link(conn, kind="person", natural_key="a", system="administrate", id="UGVyc29uOjE=")
        assert isinstance(link, links.Link)
        work.mark(conn, [Mark("person:administrate:UGVyc29uOjE=", PEOPLE)])
        assert work.claim(conn, flows=[PEOPLE], owner="x")[0].subject == "person:administrate:UGVyc29uOjE=", "claimed is not yet linked"
        links.bind(conn, link.id, system="cornerstone", id="7:8:9")
        work.mark(conn, [Mark("person:administrate:UGVyc29uOjE=", PEOPLE), Mark("person:cornerstone:7:8:9", PEOPLE)])
    assert [c.subject for c in claim(timed, "second", limit=5)] == [f"link:{link.id}"]


def test_a_roster_goes_by_its_name_at_administrate_and_enrollments_by_their_own(timed: Database) -> None:
    with timed.begin() as conn:
        for kind in ("offering", "enrollment"):
            link = links.claim_link(conn, kind=kind, natural_key=kind, system="administrate", id="A")
            assert isinstance(link, links.Link)
            links.bind(conn, link.id, system="cornerstone", id="C")
        work.mark(conn, [Mark("roster:cornerstone:C", "enrollment_sync"), Mark("enrollment:cornerstone:C", "enrollment_sync")])
    assert [c.subject for c in claim(timed, limit=5)] == ["enrollment:cornerstone:C", "roster:administrate:A"]


def test_renaming_merges_the_rows_of_link_and_records_and_keeps_the_lease(timed: Database) -> None:
    mark(timed, Mark("person:cornerstone:1", PEOPLE, side="cornerstone", event_number=1))
    own = claim_one(timed)
    mark(timed, Mark("person:administrate:9", PEOPLE, side="administrate", event_number=5, member="m"))
    with timed.begin() as conn:
        link = links.claim_link(conn, kind="person", natural_key="a", system="cornerstone", id="1")
        assert isinstance(link, links.Link)
        links.bind(conn, link.id, system="administrate", id="9")
        renamed = work.rename(conn, own, f"link:{link.id}")
    assert (renamed.subject, renamed.fence) == (f"link:{link.id}", own.fence)
    assert claim(timed, "second", limit=5) == [], "one row is left, and it is leased"
    assert not finish(timed, renamed), "what the other row was marked for has not been looked at"
    again = claim_one(timed)
    assert (again.subject, again.sides, again.up_to_event) == (f"link:{link.id}", {"administrate"}, 5)
    assert [m.member for m in again.members] == ["m"]
    assert finish(timed, again)


def test_renaming_alone_needs_no_second_look(timed: Database) -> None:
    mark(timed, "person:cornerstone:1")
    with timed.begin() as conn:
        renamed = work.rename(conn, work.claim(conn, flows=[PEOPLE], owner="x")[0], "link:5")
    assert finish(timed, renamed)


def test_a_name_that_another_worker_holds_is_not_taken_from_it(timed: Database) -> None:
    mark(timed, "person:cornerstone:1", "link:5")
    first, second = sorted(claim(timed, limit=2), key=lambda c: c.subject)
    assert first.subject == "link:5"
    with pytest.raises(Fenced, match="link:5"), timed.begin() as conn:
        work.rename(conn, second, "link:5")
    assert finish(timed, first)
    with timed.begin() as conn:
        assert work.rename(conn, second, "link:5").subject == "link:5"


def test_finishing_a_batch_does_nothing_when_one_lease_was_lost(timed: Database) -> None:
    mark(timed, "person:administrate:1", "person:administrate:2")
    one, two = claim(timed, limit=2)
    finish(timed, two)
    with pytest.raises(Fenced, match=two.subject), timed.begin() as conn:
        work.finish_many(conn, [one, two])
    assert finish(timed, one)


def test_waiting_counts_what_a_sensor_asks_for(timed: Database, clock: Any) -> None:
    assert waiting(timed) == work.Waiting(ready=0, oldest=None, leased=0, next_ready_at=None, parked=0)
    start = clock.now
    mark(timed, "person:administrate:1", "person:administrate:2", Mark("roster:administrate:1", "enrollment_sync"))
    clock.advance(5)
    mark(timed, Mark("person:administrate:3", PEOPLE, delay_seconds=10))
    with timed.begin() as conn:
        work.claim(conn, flows=[PEOPLE], owner="first")
    assert waiting(timed) == work.Waiting(ready=1, oldest=start, leased=1, next_ready_at=clock.now + timedelta(seconds=10), parked=0)


def test_two_claimers_never_share_a_unit(database: Database, database_urls: Any) -> None:
    subjects = [f"person:administrate:{n}" for n in range(600)]
    mark(database, *subjects)
    taken: dict[str, list[Claim]] = {"a": [], "b": [], "c": []}

    def drain(owner: str) -> None:
        own = connect(database_urls.engine)
        while batch := claim(own, owner, limit=7):
            taken[owner] += batch
        own.close()

    threads = [threading.Thread(target=drain, args=(owner,)) for owner in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [c.subject for claims in taken.values() for c in claims]
    assert sorted(everything) == sorted(subjects)
    assert len({c.fence for claims in taken.values() for c in claims}) == len(subjects)


def test_markers_of_the_same_records_in_opposite_order_do_not_deadlock(database: Database, database_urls: Any) -> None:
    subjects = [f"person:administrate:{n}" for n in range(50)]
    failures: list[OperationalError] = []

    def keep_marking(order: list[str]) -> None:
        own = connect(database_urls.engine)
        try:
            for _ in range(20):
                mark(own, *order)
        except OperationalError as err:
            failures.append(err)
        finally:
            own.close()

    threads = [threading.Thread(target=keep_marking, args=(order,)) for order in (subjects, subjects[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert claim(database, limit=100)[0].version == 40
