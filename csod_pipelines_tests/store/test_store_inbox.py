from __future__ import annotations

import threading
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import text

from csod_pipelines.store import inbox, links, retention, work
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.inbox import Delivery
from csod_pipelines.store.provision import Urls

PEOPLE = "people_sync"


def delivery(key: str, subject: str | None = "person:administrate:1", **changes: Any) -> Delivery:
    given = {"side": "administrate", "flow": PEOPLE if subject else None, "headers": {"X-Id": key}, "body": key.encode()} | changes
    return Delivery(source="administrate", type="contact_created", subject=subject, dedupe_key=sha256(key.encode()).digest(), **given)


def receive(database: Database, *deliveries: Delivery) -> list[int]:
    with database.begin() as conn:
        return inbox.receive_many(conn, deliveries)


def claim(database: Database, limit: int = 10) -> list[work.Claim]:
    with database.begin() as conn:
        return work.claim(conn, flows=[PEOPLE], owner="w", limit=limit)


def settle(database: Database, subject: str, up_to: int, disposition: str = "applied") -> None:
    with database.begin() as conn:
        inbox.settle(conn, subjects=[subject], up_to_event=up_to, disposition=disposition, reason="because", params={"n": up_to})


def dispositions(database: Database) -> dict[str, int]:
    with database.read() as conn:
        return inbox.dispositions(conn)


def test_a_delivery_is_stored_and_marks_its_record(timed: Database, clock: Any) -> None:
    numbers = receive(timed, delivery("a"), delivery("b", "person:administrate:2", received_at=clock.now - timedelta(seconds=3)))
    assert numbers == [1, 2]
    assert {(c.subject, c.up_to_event) for c in claim(timed)} == {("person:administrate:1", 1), ("person:administrate:2", 2)}
    with timed.read() as conn:
        second, first = inbox.deliveries(conn)
        assert (first.number, first.received_at, first.duplicate, first.disposition) == (1, clock.now, False, "waiting")
        assert second.received_at == clock.now - timedelta(seconds=3)
        stored = conn.execute(text("SELECT headers, body FROM inbox_event WHERE number = 1")).one()
        assert (stored.headers, stored.body) == ({"X-Id": "a"}, b"a")


def test_a_duplicate_is_labelled_and_marks_its_record_all_the_same(timed: Database) -> None:
    """Two different changes within one second carry the same stamp and so the same key."""
    receive(timed, delivery("a"))
    (first,) = claim(timed)
    with timed.begin() as conn:
        assert work.finish(conn, first)
    receive(timed, delivery("a"), delivery("a"), delivery("b"))
    assert claim(timed)[0].up_to_event == 4
    with timed.read() as conn:
        assert [d.duplicate for d in inbox.deliveries(conn)] == [False, True, True, False]


def test_what_nobody_follows_is_stored_and_ignored_at_once(timed: Database) -> None:
    receive(timed, delivery("a", None), delivery("b", None, reason="unreadable_id"), delivery("c", "x" * 600))
    assert claim(timed) == []
    assert dispositions(timed) == {"ignored": 3}
    with timed.read() as conn:
        assert [d.reason for d in inbox.deliveries(conn)] == ["unknown_type", "unreadable_id", "unknown_type"]


def test_each_delivery_ends_exactly_once_and_the_counts_add_up(timed: Database) -> None:
    receive(timed, *(delivery(str(n), f"person:administrate:{n % 6}") for n in range(60)), delivery("x", None))
    for n, disposition in enumerate(("applied", "failed", "unchanged", "would_apply", "parked")):
        settle(timed, f"person:administrate:{n}", 30, disposition)
        settle(timed, f"person:administrate:{n}", 60, "unchanged")
        settle(timed, f"person:administrate:{n}", 61, "failed")
    counted = dispositions(timed)
    assert counted == {"applied": 5, "failed": 5, "unchanged": 30, "would_apply": 5, "parked": 5, "waiting": 10, "ignored": 1}
    assert sum(counted.values()) == 61


def test_a_settlement_does_not_cover_what_came_later(timed: Database) -> None:
    receive(timed, delivery("a"), delivery("b"))
    settle(timed, "person:administrate:1", 1)
    assert dispositions(timed) == {"applied": 1, "waiting": 1}


def test_a_delivery_ends_under_whichever_name_its_record_was_settled(timed: Database) -> None:
    receive(timed, delivery("a"), delivery("b", "person:cornerstone:9", side="cornerstone"))
    with timed.begin() as conn:
        link = links.claim_link(conn, kind="person", natural_key="a", system="administrate", id="1")
        assert isinstance(link, links.Link)
        links.bind(conn, link.id, system="cornerstone", id="9")
    settle(timed, f"link:{link.id}", 2)
    assert dispositions(timed) == {"applied": 2}
    receive(timed, delivery("c"))
    settle(timed, "person:administrate:1", 3, "unchanged")
    assert dispositions(timed) == {"applied": 2, "unchanged": 1}
    with timed.read() as conn:
        assert [d.number for d in inbox.deliveries(conn, f"link:{link.id}")] == [3, 2, 1]
        assert [d.number for d in inbox.deliveries(conn, "person:cornerstone:9", limit=1)] == [3]


def test_learners_of_one_roster_can_end_differently(timed: Database) -> None:
    roster = "roster:administrate:EV"
    receive(timed, *(delivery(n, roster, member=f"enrollment:administrate:{n}") for n in "123"))
    settle(timed, "enrollment:administrate:2", 3, "failed")
    settle(timed, roster, 3, "applied")
    assert dispositions(timed) == {"applied": 2, "failed": 1}


def test_what_arrives_for_a_parked_record_counts_as_parked_until_it_is_looked_at(timed: Database) -> None:
    receive(timed, delivery("a"))
    with timed.begin() as conn:
        (claimed,) = work.claim(conn, flows=[PEOPLE], owner="w")
        work.park(conn, claimed, reason="several_candidates", params={})
        inbox.settle(conn, subjects=[claimed.subject], up_to_event=1, disposition="parked", reason="several_candidates", params={})
    receive(timed, delivery("b"))
    assert dispositions(timed) == {"parked": 2}
    with timed.begin() as conn:
        work.unpark(conn, "person:administrate:1")
    settle(timed, "person:administrate:1", 2)
    assert dispositions(timed) == {"parked": 1, "applied": 1}


def forgotten(database: Database) -> int:
    with database.read() as conn:
        return inbox.forgotten(conn, days=7)


def drop_work(database: Database) -> None:
    with database.begin() as conn:
        conn.execute(text("DELETE FROM work"))
        conn.execute(text("DELETE FROM work_member"))


def test_a_delivery_whose_work_is_gone_is_found_although_other_records_have_work(timed: Database, clock: Any) -> None:
    receive(timed, delivery("a"), delivery("b"), delivery("c", "person:administrate:2"))
    assert forgotten(timed) == 0
    settle(timed, "person:administrate:2", 3)
    drop_work(timed)
    receive(timed, delivery("d", "person:administrate:3"))
    assert forgotten(timed) == 2
    clock.advance(8 * 86_400)
    assert forgotten(timed) == 0


def test_a_delivery_is_not_forgotten_while_its_work_goes_by_another_name(timed: Database) -> None:
    """A record key became a link, or the hint about a learner a member of its event's roster."""
    learner = "enrollment:administrate:9"
    receive(timed, delivery("a"), delivery("b", learner), delivery("c", "roster:cornerstone:S", member="enrollment:cornerstone:7"))
    drop_work(timed)
    assert forgotten(timed) == 3
    with timed.begin() as conn:
        for kind, a, c in (("person", "1", "9"), ("offering", "E", "S")):
            link = links.claim_link(conn, kind=kind, natural_key=kind, system="administrate", id=a)
            assert isinstance(link, links.Link)
            links.bind(conn, link.id, system="cornerstone", id=c)
        work.mark(conn, [work.Mark(subject="person:cornerstone:9", flow=PEOPLE)])
        work.mark(conn, [work.Mark(subject="roster:administrate:E", flow="enrollment_sync", member=learner)])
    assert forgotten(timed) == 0


def test_ends_are_counted_of_the_last_days_alone_where_that_is_asked_for(timed: Database, clock: Any) -> None:
    receive(timed, delivery("a", None))
    clock.advance(8 * 86_400)
    receive(timed, delivery("b"))
    with timed.read() as conn:
        assert inbox.dispositions(conn, days=7) == {"waiting": 1}
        assert inbox.dispositions(conn) == {"waiting": 1, "ignored": 1}


def test_settling_wakes_what_waited(timed: Database) -> None:
    receive(timed, delivery("a"))
    with timed.begin() as conn:
        (claimed,) = work.claim(conn, flows=[PEOPLE], owner="w")
        work.wait_for(conn, claimed, ["org_unit:administrate:5"])
    settle(timed, "org_unit:administrate:5", 0, "unchanged")
    assert len(claim(timed)) == 1


def test_hostile_text_in_one_delivery_does_not_refuse_the_others(timed: Database) -> None:
    numbers = receive(
        timed,
        delivery("a", "person:administrate:\0\ud800", headers={"X": "\0", "Y\udfff": "é"}, body=bytes(range(256))),
        delivery("b"),
    )
    assert numbers == [1, 2]
    assert len(claim(timed)) == 2


def test_a_wrong_dedupe_key_is_refused_before_anything_is_stored(timed: Database) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        receive(timed, Delivery(source="a", type="t", dedupe_key=b"short"))


def test_the_status_of_the_gateway_names_no_record(timed: Database, clock: Any) -> None:
    with timed.read() as conn:
        assert inbox.gateway_status(conn)["ready"] == 0
    receive(timed, delivery("a"), delivery("b", "person:administrate:2"))
    clock.advance(12)
    with timed.read() as conn:
        status = inbox.gateway_status(conn)
    assert status.pop("schema_version")
    assert status.pop("last_event_at").startswith("2026-03-02T10:00:00")
    assert status == {"ready": 2, "oldest_unsettled_seconds": 12, "parked": 0}


def test_a_lower_number_is_never_seen_after_a_higher_one(database: Database, database_urls: Urls) -> None:
    """Else "settled up to 5" would cover a number 4 that had not been committed when its record was read."""
    seen: list[int] = []
    stop = threading.Event()
    broken: list[str] = []

    def watch() -> None:
        own = connect(database_urls.engine)
        known: set[int] = set()
        while not stop.is_set():
            with own.read() as conn:
                now = set(conn.execute(text("SELECT number FROM inbox_event")).scalars())
            if known and (late := [n for n in now - known if n < max(known)]):
                broken.append(f"{late} after {max(known)}")
            known = now
        seen.extend(known)
        own.close()

    def send(name: str) -> None:
        own = connect(database_urls.engine)
        for n in range(40):
            receive(own, delivery(f"{name}{n}", f"person:administrate:{name}{n}"), delivery(f"{name}-{n}", f"person:administrate:{n}"))
        own.close()

    watcher = threading.Thread(target=watch)
    senders = [threading.Thread(target=send, args=(name,)) for name in "ab"]
    for thread in (watcher, *senders):
        thread.start()
    for thread in senders:
        thread.join()
    stop.set()
    watcher.join()
    assert not broken
    assert sum(dispositions(database).values()) == 160


def test_bodies_lie_in_monthly_partitions_that_expire_while_keys_stay(timed: Database, clock: Any, database_urls: Urls) -> None:
    def partitions(conn: Any) -> set[str]:
        found = conn.execute(text("SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid AND c.relkind = 'r'")).scalars()
        return {name for name in found if name.startswith("inbox_event_2026_0")}

    with timed.begin() as conn:
        assert retention.ensure_partitions(conn) >= 1
        assert retention.ensure_partitions(conn) == 0
        assert partitions(conn) >= {"inbox_event_2026_03", "inbox_event_2026_04", "inbox_event_2026_05"}
    receive(timed, delivery("a"))
    clock.advance(100 * 86400)
    receive(timed, delivery("b"))
    with timed.begin() as conn:
        dropped = retention.drop_expired(conn, inbox_days=30, body_days=30)
        assert "inbox_event_2026_03" in dropped
        assert [d.number for d in inbox.deliveries(conn)] == [2], "what came outside every month is kept for its time too"
        assert conn.execute(text("SELECT count(*) FROM inbox_key")).scalar_one() == 2
    receive(timed, delivery("a"))
    with timed.read() as conn:
        assert inbox.deliveries(conn)[0].duplicate
    clock.advance(40 * 86400)
    with timed.begin() as conn:
        retention.drop_expired(conn, inbox_days=30, body_days=30)
        assert inbox.deliveries(conn) == []
