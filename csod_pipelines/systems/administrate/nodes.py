"""Reading nodes whole: nested lists that did not fit are fetched to their end, then parsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.records import Record
from csod_pipelines.systems.administrate import parse
from csod_pipelines.systems.administrate.client import MAX_PAGES, Client, connection
from csod_pipelines.systems.errors import Malformed, Unsupported

#: The vendor's type of each kind; operations are named after it (ReadAccount, FindAccount, ListAccounts).
TYPES: Mapping[Kind, str] = {
    Kind.ORG_UNIT: "Account",
    Kind.PERSON: "Contact",
    Kind.LOCATION: "Location",
    Kind.SUBJECT: "LearningCategory",
    Kind.COURSE: "CourseTemplate",
    Kind.OFFERING: "Event",
    Kind.ENROLLMENT: "Learner",
}
LISTS: Mapping[Kind, str] = {
    Kind.ORG_UNIT: "ListAccounts",
    Kind.PERSON: "ListContacts",
    Kind.LOCATION: "ListLocations",
    Kind.SUBJECT: "ListLearningCategories",
    Kind.COURSE: "ListCourseTemplates",
    Kind.OFFERING: "ListEvents",
    Kind.ENROLLMENT: "ListLearners",
}
MAX_DEPTH = 20


def type_of(kind: Kind) -> str:
    try:
        return TYPES[kind]
    except KeyError:
        raise Unsupported(f"administrate has no record of its own for {kind}") from None


class Nodes:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._has_left_flag = client.contract.switch("contact_left_company")

    def record(self, kind: Kind, node: Mapping[str, Any]) -> Record:
        options = self._client.options
        if kind is Kind.ORG_UNIT:
            return parse.account(node, status_field=options.status_field, intent_field=options.intent_field)
        if kind is Kind.PERSON:
            return parse.contact(node, status_field=options.status_field, intent_field=options.intent_field, has_flag=self._has_left_flag)
        if kind is Kind.LOCATION:
            return parse.location(node)
        if kind is Kind.SUBJECT:
            return parse.category(node, path=self._path(node))
        if kind is Kind.COURSE:
            categories = self._rest(node, node.get("learningCategories"), "MoreCategories", ("learningCategories",))
            return parse.course_template(node, categories=categories, vendor_field=options.vendor_field)
        if kind is Kind.OFFERING:
            return parse.event(node, sessions=self._rest(node, node.get("sessions"), "MoreSessions", ("sessions",)))
        if kind is Kind.ENROLLMENT:
            marks = (node.get("attendance") or {}).get("sessionDetail")
            return parse.learner(node, marks=self._rest(node, marks, "MoreAttendance", ("attendance", "sessionDetail")))
        raise Unsupported(f"administrate has no record of its own for {kind}")

    def _rest(self, node: Mapping[str, Any], nested: Any, more: str, steps: tuple[str, ...]) -> list[Mapping[str, Any]]:
        if nested is None:
            return []
        page = connection(nested, more)
        found = list(page.nodes)
        for _ in range(MAX_PAGES):
            if not page.has_next:
                return found
            raw: Any = self._client.run(more, {"id": node["id"], "after": page.end_cursor}).get("node") or {}
            for step in steps:
                raw = raw.get(step) or {}
            page = connection(raw, more)
            found += page.nodes
        raise Malformed(f"administrate {more}: no end after {MAX_PAGES} pages")

    def _path(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Titles from the root. The list of categories shows one parent only, so the chain is climbed."""
        titles, parent = [node.get("name") or ""], node.get("parentCategory")
        for _ in range(MAX_DEPTH):
            if not parent:
                return tuple(titles)
            titles.insert(0, parent.get("name") or "")
            above = self._client.run("ReadLearningCategory", {"id": parent["id"]}).get("node") or {}
            parent = above.get("parentCategory")
        raise Malformed(f"administrate: learning category {node['id']} has more than {MAX_DEPTH} ancestors")
