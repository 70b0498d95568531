"""Learners of an event: the roster, registering, cancelling, attendance and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Roster
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.systems.administrate import parse
from csod_pipelines.systems.administrate.client import Client, connection, entity, refusal_of
from csod_pipelines.systems.administrate.listing import Listing
from csod_pipelines.systems.administrate.nodes import Nodes
from csod_pipelines.systems.base import OutcomeRow, Refusal, Written
from csod_pipelines.systems.errors import Indeterminate, Refused

BY_ID = {"field": "id", "direction": "asc"}


class Learners:
    def __init__(self, client: Client, nodes: Nodes) -> None:
        self._client = client
        self._nodes = nodes

    def roster(self, offering_id: str) -> Roster:
        filters = [{"field": "eventId", "operation": "eq", "value": offering_id}]
        variables = {"filters": filters, "order": BY_ID, "first": self._client.options.page_size}
        data = self._client.run("ReadRoster", {"event": offering_id, **variables})
        event = data.get("node")
        if not event:
            raise Refused(f"administrate has no event {offering_id}", code="not_found")
        listing = Listing(connection(data.get("page"), "ReadRoster"))
        while listing.has_next:
            listing.add(self._client.page("ListLearners", variables, after=listing.end_cursor))
        rows = tuple(self._nodes.record(Kind.ENROLLMENT, node) for node in listing.nodes)
        return Roster(offering_id=offering_id, rows=rows, complete=listing.complete, facts=self._facts(event, rows))

    def _facts(self, event: Mapping[str, Any], rows: Sequence[Record]) -> dict[str, Any]:
        """``held_elsewhere``: seats in use that no active learner of the roster explains (reservations, unnamed places)."""
        named = sum(1 for row in rows if isinstance(row.value, Enrollment) and row.value.state is EnrollmentState.ACTIVE)
        taken = parse.seats_taken(event)
        return {
            "places": event.get("maxPlaces"),
            "held_elsewhere": max(0, taken - named) if taken is not None else 0,
            "status": event.get("lifecycleState"),
            "ended_at": parse.instant(event.get("timeZonedEnd")),
            "now": self._client.transport.clock.now(),
        }

    def register(self, offering_id: str, people: Sequence[Record], *, title: str) -> dict[str, Written | Refusal]:
        answers: dict[str, Written | Refusal] = {}
        size = self._client.options.batch_size
        for start in range(0, len(people), size):
            answers |= self._register(offering_id, [person.id for person in people[start : start + size]], title)
        return answers

    def _register(self, offering_id: str, contacts: list[str], title: str) -> dict[str, Written | Refusal]:
        """A refused batch registers nobody, so it is halved down to the contact that the vendor objects to."""
        variables = {"event": offering_id, "input": {"contacts": contacts, "notes": title}}
        result = (self._client.run("RegisterContacts", variables).get("event") or {}).get("registerContacts")
        refusal = refusal_of(result, operation="RegisterContacts")
        learners = [item for item in (result or {}).get("learners") or () if item]
        if refusal is not None and not learners:
            if len(contacts) == 1:
                return {contacts[0]: refusal}
            half = len(contacts) // 2
            return self._register(offering_id, contacts[:half], title) | self._register(offering_id, contacts[half:], title)
        answers: dict[str, Written | Refusal] = {}
        for node in learners:
            record = self._nodes.record(Kind.ENROLLMENT, node)
            answers[record.value.person_id if isinstance(record.value, Enrollment) else ""] = Written(id=record.id, record=record)
        missing = [contact for contact in contacts if contact not in answers]
        if missing and refusal is None:
            raise Indeterminate(f"administrate registered {len(learners)} of {len(contacts)} contacts without a word on the others")
        return {contact: answers.get(contact) or refusal or Refusal(message="not registered") for contact in contacts}

    def cancel(self, enrollment_id: str) -> Written:
        return self._change("CancelLearner", "cancel", enrollment_id)

    def reactivate(self, enrollment_id: str) -> Written:
        return self._change("ReactivateLearner", "reactivate", enrollment_id)

    def _change(self, operation: str, field: str, learner: str) -> Written:
        result = (self._client.run(operation, {"learner": learner}).get("learner") or {}).get(field)
        record = self._nodes.record(Kind.ENROLLMENT, entity(result, "learner", operation=operation))
        return Written(id=record.id, record=record)

    def record_outcomes(self, rows: Sequence[OutcomeRow]) -> dict[str, Written | Refusal]:
        """Attendance first, then results: passing may follow from attendance by itself, and ours is to stand.

        No result given means that nothing is said of it; a recorded one cannot be taken back through the API."""
        marks = [
            (row.enrollment.id, {"learnerId": row.enrollment.id, "sessionId": part, "attended": attended})
            for row in rows
            for part, attended in row.attendance.items()
        ]
        refused = self._attendance(marks) | self._results([row for row in rows if row.result is not None])
        return {row.enrollment.id: refused.get(row.enrollment.id) or Written(id=row.enrollment.id) for row in rows}

    def _attendance(self, marks: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Refusal]:
        refused: dict[str, Refusal] = {}
        size = self._client.options.batch_size
        for start in range(0, len(marks), size):
            chunk = marks[start : start + size]
            data = self._client.run("RecordAttendances", {"rows": [row for _, row in chunk]})
            answers = (data.get("learner") or {}).get("recordAttendances")
            if not isinstance(answers, list) or len(answers) != len(chunk):
                raise Indeterminate(f"administrate answered {len(chunk)} attendance marks with {len(answers or ())} rows")
            for (learner, _), answer in zip(chunk, answers, strict=True):
                if refusal := refusal_of(answer, operation="RecordAttendances"):
                    refused[learner] = refusal
        return refused

    def _results(self, rows: Sequence[OutcomeRow]) -> dict[str, Refusal]:
        refused: dict[str, Refusal] = {}
        size = self._client.options.batch_size
        for start in range(0, len(rows), size):
            chunk = rows[start : start + size]
            answers = self._client.run_batch("RecordResults", [{"learner": row.enrollment.id, "passed": row.result} for row in chunk])
            refused |= {row.enrollment.id: answer for row, answer in zip(chunk, answers, strict=True) if isinstance(answer, Refusal)}
        return refused
