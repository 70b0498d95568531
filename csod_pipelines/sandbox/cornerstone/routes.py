"""The addresses of the portal: which service answers, which scope it asks for, which counter it runs on.

Scopes quoted by csod.dev pages are taken as printed; the others (``ou:write``, ``training:write``, ``transcript:write``) are what
integrators use or what the read scopes suggest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from csod_pipelines.sandbox.cornerstone import (
    assignments,
    bulk,
    catalog,
    employees,
    employees_v1,
    exporter,
    express_class,
    learning_objects,
    lo_details,
    organizations,
    reporting,
    roster,
    transcripts,
    transcripts_legacy,
)
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, Call, Family
from csod_pipelines.sandbox.cornerstone.portal import Portal

Handler = Callable[[Portal, Call], Answer]
TOKEN_PATH = "/services/api/oauth2/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    operation: str  # also the bucket of its limit; {name} is filled from the address
    scope: str
    family: Family
    handler: Handler
    shared_bucket: str | None = None


def _family(path: str) -> Family:
    if "/services/api/x/" in path:
        return Family.X
    return Family.V1 if "/services/api/v1/" in path else Family.LEGACY


def _route(method: str, path: str, operation: str, scope: str, handler: Handler, bucket: str | None = None) -> Route:
    """``{id}`` in a path stands for digits, other names for one step of the path."""
    steps = re.sub(r"\{(\w+)\}", lambda m: rf"(?P<{m[1]}>\d{{1,18}})" if m[1] == "id" else rf"(?P<{m[1]}>[^/]+)", path.replace("$", r"\$"))
    steps = steps.replace("(?P<verb>[^/]+)", "(?P<verb>register|progress|complete|withdraw|remove|archive|exempt|update)")
    steps = steps.replace("(?P<document>[^/]+)", "(?P<document>report|warnings|errors)")
    steps = steps.replace("(?P<what>[^/]+)", "(?P<what>custom-fields|employment-status|termination-reasons)")
    pattern = re.compile(steps, re.IGNORECASE)
    return Route(
        method=method, pattern=pattern, operation=operation, scope=scope, family=_family(path), handler=handler, shared_bucket=bucket
    )


_USERS = "/services/api/x/users/v2/employees"
_ORG = "/services/api/x/organizations/v1"
_ASSIGN = "/services/api/x/learning-assignments/v1"
_TRANSCRIPTS = "/services/api/v1/transcripts"
_USERS_V1 = "/services/api/x/users/v1/employees"
_TASK = "/services/api/TranscriptAndTask"
_BULK = "/services/api/x/bulk-api/v1"
_EXPRESS = "/services/api/x/express-class/v1/classes"

ROUTES: tuple[Route, ...] = (
    _route("GET", _USERS, "employees.list", "employee:read", employees.list_employees),
    _route("POST", _USERS, "employees.create", "employee:create", employees.create_employee),
    _route("GET", _USERS + "/{what}", "employees.metadata", "employee:read", employees.metadata),
    _route("GET", _USERS + "/{id}", "employees.get", "employee:read", employees.get_employee),
    _route("PATCH", _USERS + "/{id}", "employees.update", "employee:updatepartial", employees.patch_employee),
    _route("GET", _USERS + "/{id}/employment-status", "employees.employment_status", "employee:read", employees.employment_status),
    _route("GET", _USERS + "/{id}/effective-date/{date}", "employees.effective", "employee:read", employees.employment_status),
    _route(
        "GET", _USERS + "/{id}/employment-status/effective-date/{date}", "employees.effective", "employee:read", employees.employment_status
    ),
    _route("GET", _USERS + "/{id}/groups", "employees.groups", "group:read", employees.groups),
    _route("GET", _ORG + "/types", "ous.types", "outype:read", organizations.list_types),
    _route("GET", _ORG + "/types/{id}", "ous.type", "outype:read", organizations.get_type),
    _route("GET", _ORG + "/specifications", "ous.specifications", "ou:read", organizations.specifications),
    _route("GET", _ORG + "/ous", "ous.list", "ou:read", organizations.list_ous),
    _route("POST", _ORG + "/ous", "ous.create", "ou:write", organizations.post_ou),
    _route("GET", _ORG + "/ous/{id}", "ous.get", "ou:read", organizations.get_ou),
    _route("PATCH", _ORG + "/ous/{id}", "ous.update", "ou:write", organizations.patch_ou),
    _route("PUT", _ORG + "/ous/{id}", "ous.replace", "ou:write", organizations.put_ou),
    _route("GET", _ORG + "/ous/{id}/localizations", "ous.localizations", "ou:read", organizations.localizations),
    _route("POST", "/services/api/LO/Create", "lo.create", "training:write", learning_objects.create),
    _route("*", "/services/api/LO/Update", "lo.update", "training:write", learning_objects.update),
    _route("GET", "/services/api/LO/GetDetails", "lo.details", "training:read", lo_details.get_details),
    _route("GET", "/services/api/Catalog/GlobalSearch", "catalog.search", "training:read", catalog.global_search),
    _route("POST", _ASSIGN + "/assignments", "learning_assignments.create", "learningassignment:create", assignments.create),
    _route("GET", _ASSIGN + "/assignments", "learning_assignments.search", "learningassignment:read", assignments.search),
    _route("GET", _ASSIGN + "/assignments/{id}", "learning_assignments.get", "learningassignment:read", assignments.get),
    _route("GET", _ASSIGN + "/remaining-count", "learning_assignments.remaining", "learningassignment:read", assignments.remaining_count),
    _route("GET", _TRANSCRIPTS + "/overview", "transcripts.overview", "transcript:read", transcripts.overview),
    _route("GET", _TRANSCRIPTS + "/details", "transcripts.details", "transcript:read", transcripts.details),
    _route("GET", _TRANSCRIPTS + "/custom-fields", "transcripts.custom_fields", "transcript:read", transcripts.custom_fields),
    _route("GET", _TRANSCRIPTS + "/curriculum-child-lo-data", "transcripts.curriculum", "transcript:read", transcripts.curriculum_children),
    _route("POST", _TRANSCRIPTS + "/assign", "transcripts.assign", "transcript:write", transcripts.assign),
    _route("PATCH", _TRANSCRIPTS + "/{verb}", "transcripts.{verb}", "transcript:write", transcripts.change),
    _route("GET", "/services/api/SessionRoster/GetSessionRoster", "roster.read", "sessionroster:read", roster.read),
    _route("POST", "/services/api/SessionRoster", "roster.write", "sessionroster:create", roster.write),
    _route("GET", _USERS_V1, "employees_v1.list", "employee:read", employees_v1.list_employees),
    _route("POST", _USERS_V1, "employees_v1.create", "employee:create", employees_v1.create_employee),
    _route("GET", _USERS_V1 + "/{key}", "employees_v1.get", "employee:read", employees_v1.get_employee),
    _route("PATCH", _USERS_V1 + "/{key}", "employees_v1.update", "employee:updatepartial", employees_v1.patch_employee),
    _route("GET", _TASK + "/Transcript", "transcript_and_task.transcript", "transcript:read", transcripts_legacy.transcript),
    _route("GET", _TASK + "/Session", "transcript_and_task.session", "transcript:read", transcripts_legacy.sessions),
    _route("GET", _TASK + "/Assigned", "transcript_and_task.assigned", "transcript:read", transcripts_legacy.assigned),
    _route("GET", _TASK + "/SuggestedTraining", "transcript_and_task.suggested", "transcript:read", transcripts_legacy.suggested),
    _route("GET", "/services/api/LOTranscript/TranscriptSearch", "transcript_search.search", "transcript:read", transcripts_legacy.search),
    _route("POST", _EXPRESS, "express_class.create", "expressclass:create", express_class.create),
    _route("GET", _EXPRESS + "/{id}", "express_class.get", "expressclass:read", express_class.get),
    _route("POST", _BULK + "/schemas", "bulk.schemas", "bulk:create", bulk.create_schema),
    _route("POST", _BULK + "/jobs", "bulk.create", "bulk:create", bulk.create_job),
    _route("GET", _BULK + "/jobs", "bulk.list", "bulk:read", bulk.list_jobs),
    _route("GET", _BULK + "/jobs/{job}", "bulk.job", "bulk:read", bulk.get_job),
    _route("POST", _BULK + "/imports/{import}", "bulk.upload", "bulk:create", bulk.upload),
    _route("GET", _BULK + "/imports/{import}/{document}", "bulk.report", "bulk:read", bulk.report),
    _route("GET", exporter.PATH, "exporter.objects", "dataexporter:read", exporter.catalogue),
    _route("GET", exporter.PATH + "/$metadata", "exporter.metadata", "dataexporter:read", exporter.metadata),
    _route("GET", exporter.PATH + "/{object}", "exporter.{object}", "{object}:read", exporter.read),
    _route("GET", reporting.PATH, "reporting.views", "dataexporter:read", reporting.catalogue),
    _route("GET", reporting.PATH + "/$metadata", "reporting.metadata", "dataexporter:read", reporting.metadata),
    _route("GET", reporting.PATH + "/{view}", "reporting.{view}", "{view}:read", reporting.read),
)


def find(method: str, path: str, *, update_verb: str) -> tuple[Route | None, dict[str, str], bool]:
    """The route, what its address holds, and whether the address exists under some other method."""
    known = False
    path = path.rstrip("/") or "/"
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        if method == (update_verb if route.method == "*" else route.method):
            return route, match.groupdict(), True
        known = True
    return None, {}, known


def family_of(path: str) -> Family:
    return _family(path)
