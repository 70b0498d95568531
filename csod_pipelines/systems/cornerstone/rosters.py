"""Who is on a session: the roster, registering, withdrawing, attendance and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Gone, Present, Reading, Roster, Unknown
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.systems.base import OutcomeRow, Refusal, Written
from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.assignments import Assignments
from csod_pipelines.systems.cornerstone.calls import Portal
from csod_pipelines.systems.cornerstone.legacy import Legacy
from csod_pipelines.systems.cornerstone.refs import Refs
from csod_pipelines.systems.cornerstone.transcripts import Transcripts
from csod_pipelines.systems.errors import Refused


class Rosters:
    def __init__(self, portal: Portal, *, legacy: Legacy, transcripts: Transcripts, assignments: Assignments, refs: Refs) -> None:
        self._portal = portal
        self._legacy = legacy
        self._transcripts = transcripts
        self._assignments = assignments
        self._refs = refs

    # ---- reading

    def roster(self, session_id: str) -> Roster:
        row = self._legacy.roster(sessionLOID=session_id)
        if row is None:
            raise Refused(f"cornerstone has no session {session_id}", code="not_found")
        facts = {"min_parts": row.get("MinimumParts")}
        rows = tuple(parse.roster_row(user, object_id=session_id, facts=facts) for user in row.get("Users") or ())
        for enrollment in rows:
            self._refs.learn(parse.split_enrollment(enrollment.id)[0], enrollment.facts["user_ref"])
        return Roster(
            offering_id=session_id,
            rows=rows,
            complete=bool(self._portal.contract.rule("roster_complete")),
            facts={
                **facts,
                "places": row.get("MaximumRegistration"),
                "status": row.get("SessionStatus"),
                "ended_at": parse.instant(row.get("EndDateTimeUTC")),
                "now": self._portal.transport.clock.now(),
                "locator": row.get("Locator"),
                "held_elsewhere": sum(1 for each in rows if _state(each) is EnrollmentState.HOLDING),
            },
        )

    def read(self, id: str) -> Reading:
        """A row leaves the roster when it is removed, or when the user registers again under a new number."""
        user, session_id, number = parse.split_enrollment(id)
        try:
            roster = self.roster(session_id)
        except Refused as err:
            return Unknown(str(err))
        for row in roster.rows:
            if row.id == id:
                return Present(row)
            if isinstance(row.value, Enrollment) and row.value.person_id == user and row.facts["registration_number"] > number:
                return Gone(f"the session roster shows the user's later registration {row.facts['registration_number']}")
        return Gone("the session roster, which lists withdrawn rows too, does not hold the row")

    # ---- registering and withdrawing

    def register(self, session_id: str, people: Sequence[Record], *, title: str, notify: bool) -> dict[str, Written | Refusal]:
        if self._portal.options.enrollment_route == "transcript":
            return {person.id: self._register_one(session_id, person) for person in people}
        answers: dict[str, Written | Refusal] = {}
        size = self._portal.options.assignment_users
        for start in range(0, len(people), size):
            chunk = people[start : start + size]
            chunk_title = title if start == 0 else f"{title} ({start // size + 1})"
            refs = [self._ref(person) for person in chunk]
            id = self._assignments.create(session_id, refs, title=chunk_title, notify=notify)
            answers |= {person.id: Written(id=id, facts={"title": chunk_title}) for person in chunk}
        return answers

    def _register_one(self, session_id: str, person: Record) -> Written | Refusal:
        try:
            row = self._transcripts.register(self._ref(person), session_id)
        except Refused as err:
            return Refusal(message=str(err), code=err.code, fields=err.fields)
        return self._transcript_written(person.id, session_id, row)

    def withdraw(self, session_id: str, enrollment: Record, *, reason: str) -> Written:
        row = self._transcripts.withdraw(self._row_ref(enrollment), session_id, reason=reason)
        return Written(id=enrollment.id, facts={"status": row.get("status")})

    def reactivate(self, session_id: str, enrollment: Record) -> Written:
        """A new registration number: Cornerstone never takes a withdrawal back."""
        user, _, _ = parse.split_enrollment(enrollment.id)
        row = self._transcripts.register(self._row_ref(enrollment), session_id)
        return self._transcript_written(user, session_id, row)

    def _transcript_written(self, user: str, session_id: str, row: Mapping[str, Any]) -> Written:
        number = row.get("registrationNumber") or 1
        return Written(id=f"{user}:{session_id}:{number}", facts={"status": row.get("status"), "registration_number": number})

    # ---- attendance and results

    def record_outcomes(self, session_id: str, rows: Sequence[OutcomeRow], *, submit: bool) -> dict[str, Written | Refusal]:
        """One roster a request. A refused one changes nothing and is halved down to the row that Cornerstone objects to."""
        if not rows:
            return {}
        record: dict[str, Any] = {
            "SessionLOID": session_id,
            "ActorID": self._portal.options.actor,
            "Users": [self._user(row) for row in rows],
        }
        if submit:
            record["SessionStatus"] = "Completed"
        try:
            self._legacy.submit_roster(record)
        except Refused as err:
            if len(rows) == 1:
                return {rows[0].enrollment.id: Refusal(message=str(err), code=err.code, fields=err.fields)}
            half = len(rows) // 2
            first = self.record_outcomes(session_id, rows[:half], submit=submit)
            return first | self.record_outcomes(session_id, rows[half:], submit=submit)
        return {row.enrollment.id: Written(id=row.enrollment.id) for row in rows}

    def _user(self, row: OutcomeRow) -> dict[str, Any]:
        sent: dict[str, Any] = {"UserID": self._row_ref(row.enrollment)}
        if row.result is not None:
            sent[str(self._portal.contract.rule("roster_pass_key"))] = row.result
        marks = [{"PartId": int(part) if part.isdigit() else part, "Attended": attended} for part, attended in row.attendance.items()]
        if marks:
            sent["Attendance"] = marks
        return sent

    def _ref(self, person: Record) -> str:
        return person.facts.get("user_ref") or self._refs.user_ref(person.id)

    def _row_ref(self, enrollment: Record) -> str:
        if ref := enrollment.facts.get("user_ref"):
            return ref
        value = enrollment.value
        assert isinstance(value, Enrollment) and enrollment.key.kind is Kind.ENROLLMENT
        return self._refs.user_ref(value.person_id)


def _state(row: Record) -> EnrollmentState | None:
    return row.value.state if isinstance(row.value, Enrollment) else None
