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
from csod_pipelines.systems.errors import Malformed, Refused


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
        rows = tuple(self._enrollment(user, session_id, facts) for user in row.get("Users") or ())
        return Roster(
            offering_id=session_id,
            rows=rows,
            complete=bool(self._portal.contract.rule("roster_complete")),
            facts={
                **facts,
                "places": row.get("MaximumRegistration"),
                "status": row.get("SessionStatus"),
                "ended_at": parse.instant(row.get(str(self._portal.contract.rule("roster_times")))),
                "now": self._portal.transport.clock.now(),
                "locator": row.get("Locator"),
                "held_elsewhere": sum(1 for each in rows if _state(each) is EnrollmentState.HOLDING),
            },
        )

    def _enrollment(self, user: Mapping[str, Any], session_id: str, facts: Mapping[str, Any]) -> Record:
        """Rows that print no internal id are known by the user's external id; the registration number then costs a look."""
        ref = str(user.get("UserID") or "").strip()
        id, number = user.get("UserInternalID"), user.get("RegistrationNumber")
        if id is None:
            id = self._refs.user_id(ref)
        if id is None:
            raise Malformed(f"cornerstone: the roster of {session_id} lists {ref!r}, whom no user is called by")
        if number is None:
            number = (self._transcripts.details(ref, session_id) or {}).get("registrationNumber") or 1
        self._refs.learn(str(id), ref)
        pass_key = str(self._portal.contract.rule("roster_pass_key"))
        return parse.roster_row(user, object_id=session_id, user_id=str(id), number=int(number), pass_key=pass_key, facts=facts)

    def read(self, id: str) -> Reading:
        """A row leaves the roster when it is removed, or when the user registers again under a new number."""
        _, session_id, _ = parse.split_enrollment(id)
        try:
            return self._on(self.roster(session_id), id)
        except Refused as err:
            return Unknown(str(err))

    def read_many(self, ids: Sequence[str]) -> dict[str, Reading]:
        """One look at each roster concerned."""
        rosters: dict[str, Roster | Unknown] = {}
        for session_id in dict.fromkeys(parse.split_enrollment(id)[1] for id in ids):
            try:
                rosters[session_id] = self.roster(session_id)
            except Refused as err:
                rosters[session_id] = Unknown(str(err))
        found = ((id, rosters[parse.split_enrollment(id)[1]]) for id in ids)
        return {id: roster if isinstance(roster, Unknown) else self._on(roster, id) for id, roster in found}

    def _on(self, roster: Roster, id: str) -> Reading:
        user, _, number = parse.split_enrollment(id)
        for row in roster.rows:
            if row.id == id:
                return Present(row)
            if isinstance(row.value, Enrollment) and row.value.person_id == user and row.facts["registration_number"] > number:
                return Gone(f"the session roster shows the user's later registration {row.facts['registration_number']}")
        if not roster.complete:
            return Unknown("the session roster is not known to be complete")
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
