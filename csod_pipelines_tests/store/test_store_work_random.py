"""Random courses of marks, claims, crashes and links, under one seed each: whatever is marked is looked at afterwards."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sqlalchemy import text

from csod_pipelines.store import links, work
from csod_pipelines.store.database import Database
from csod_pipelines.store.work import Claim, Fenced, Mark, NameHeld

FLOWS = ("people_sync", "enrollment_sync")
STEPS = 250


class Course:
    """Remembers, for every record, the step of its last mark and of the last look that was finished."""

    def __init__(self, database: Database, clock: Any, seed: int) -> None:
        self.database = database
        self.clock = clock
        self.random = random.Random(seed)
        self.step = 0
        self.marked: dict[str, int] = {}
        self.looked: dict[str, int] = {}
        self.held: list[tuple[Claim, int]] = []
        self.link_of: dict[str, str] = {}

    def unit(self, record: str) -> str:
        return self.link_of.get(record, record)

    def mark(self) -> None:
        record = f"person:{self.random.choice(('administrate', 'cornerstone'))}:{self.random.randrange(6)}"
        with self.database.begin() as conn:
            work.mark(conn, [Mark(record, self.random.choice(FLOWS), delay_seconds=self.random.choice((0, 0, 5)), event_number=self.step)])
        self.marked[record] = self.step

    def claim(self) -> None:
        with self.database.begin() as conn:
            claims = work.claim(conn, flows=FLOWS, owner=f"w{self.step}", limit=self.random.randrange(1, 4))
        alive = {c.subject for c, _ in self.held if c.fence in self.fences()}
        assert not alive & {c.subject for c in claims}, "a unit that somebody holds was given away"
        self.held += [(c, self.step) for c in claims]

    def fences(self) -> set[int]:
        """Of the leases that have not run out."""
        with self.database.read() as conn:
            return set(conn.execute(text("SELECT fence FROM work WHERE owner IS NOT NULL AND lease_until > app_now()")).scalars())

    def end(self) -> None:
        if not self.held:
            return
        claimed, since = self.held.pop(self.random.randrange(len(self.held)))
        try:
            with self.database.begin() as conn:
                how = self.random.randrange(5)
                if how == 0:
                    work.postpone(conn, claimed, seconds=self.random.randrange(20), reason="x")
                elif how == 1:
                    work.wait_for(conn, claimed, [f"person:administrate:{self.random.randrange(6)}"], fallback_seconds=60)
                elif how == 2:
                    return  # the worker died
                else:
                    cleared = work.finish(conn, claimed)
                    for record in self.marked:
                        if claimed.subject in (record, self.unit(record)):
                            self.looked[record] = max(since, self.looked.get(record, -1))
                            lost = cleared and self.marked[record] > self.looked[record] and not self.is_work(conn, record)
                            assert not lost, f"the mark of {record} was cleared and not looked at"
        except Fenced:
            assert claimed.fence not in self.fences(), "a holder was fenced"

    def is_work(self, conn: Any, record: str) -> bool:
        """Under either name: a row that somebody held while its record was linked keeps the record's."""
        names = {"names": [record, self.unit(record)]}
        return bool(conn.execute(text("SELECT count(*) FROM work WHERE subject = ANY(:names)"), names).scalar_one())

    def link(self) -> None:
        """A worker finds the other half of what it holds."""
        for position, (claimed, since) in enumerate(self.held):
            kind, _, rest = claimed.subject.partition(":")
            if kind != "person" or claimed.fence not in self.fences():
                continue
            system, _, id = rest.partition(":")
            with self.database.begin() as conn:
                found = links.claim_link(conn, kind="person", natural_key=id, system=system, id=id)
                if isinstance(found, links.Taken):
                    return
                peer = "cornerstone" if system == "administrate" else "administrate"
                link = links.bind(conn, found.id, system=peer, id=id)
                try:
                    renamed = work.rename(conn, claimed, f"link:{link.id}")
                except Fenced:
                    conn.rollback()
                    return
            self.held[position] = (renamed, since)
            self.link_of |= {f"person:{s}:{id}": renamed.subject for s in ("administrate", "cornerstone")}
            return

    def advance(self) -> None:
        self.clock.advance(self.random.choice((1, 5, 40)))

    def named(self, conn: Any, claimed: Claim) -> Claim | None:
        try:
            return work.rename(conn, claimed, self.unit(claimed.subject))
        except NameHeld:
            work.postpone(conn, claimed, seconds=1, reason="name_held")
            return None

    def drain(self) -> None:
        for _ in range(200):
            self.clock.advance(100)
            with self.database.begin() as conn:
                claims = work.claim(conn, flows=FLOWS, owner="last", limit=50)
                renamed = [done for c in claims if (done := self.named(conn, c))]
                work.finish_many(conn, renamed)
            if not claims:
                return
            for record in self.marked:
                if self.unit(record) in {c.subject for c in renamed}:
                    self.looked[record] = self.step + 1
        raise AssertionError("the work does not end")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_was_marked_is_looked_at_afterwards(timed: Database, clock: Any, seed: int) -> None:
    course = Course(timed, clock, seed)
    actions = [course.mark] * 4 + [course.claim] * 3 + [course.end] * 3 + [course.link, course.advance]
    for step in range(STEPS):
        course.step = step
        course.random.choice(actions)()
    course.drain()
    unseen = {record: step for record, step in course.marked.items() if course.looked.get(record, -1) <= step}
    assert not unseen
    assert course.link_of, "the course was too short to link anything"
