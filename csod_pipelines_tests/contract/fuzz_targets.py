"""What the fuzzer is let loose on: each sandbox and the gateway, each as a process of its own, and what must succeed there."""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from csod_pipelines_tests.contract.administrate_portal import Administrate
from csod_pipelines_tests.contract.cornerstone_portal import (
    ASSIGNMENTS,
    CATALOG,
    DETAILS,
    EMPLOYEES,
    OBJECTS,
    OUS,
    ROSTER,
    TRANSCRIPTS,
    VIEWS,
    Cornerstone,
    attended,
    part,
)
from csod_pipelines_tests.contract.fuzzer import Good
from csod_pipelines_tests.contract.portals import NOW, sandbox_address

SECRET, API_KEY = "current-secret", "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    url: str
    errors: Path

    def complaints(self) -> str:
        return self.errors.read_text(encoding="utf-8", errors="replace")


@contextmanager
def process(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A server that prints its address in its first line; what it writes to stderr is kept."""
    with tempfile.TemporaryDirectory(prefix="csod-fuzz-") as folder:
        errors = Path(folder) / "stderr"
        with errors.open("wb") as sink:
            command = [sys.executable, "-m", *arguments]
            running = subprocess.Popen(command, env=None if env is None else dict(env), stdout=subprocess.PIPE, stderr=sink)
        try:
            assert running.stdout is not None
            yield Process(url=running.stdout.readline().decode().split()[-1], errors=errors)
        finally:
            running.terminate()
            running.wait(timeout=20)
            assert running.stdout is not None
            running.stdout.close()


@contextmanager
def sandbox(vendor: str) -> Iterator[Process]:
    with process("csod_pipelines.sandbox", "--vendor", vendor) as running:
        yield running


# ---- Cornerstone

_CORNERSTONE = """
    id ids externalId userName guid lastName modifiedDate createdDate status ous pageSize nextPageToken typeId name ObjectID ActorID
    PageNumber OuId OuType FromDate sessionLOID locator sessionNumber title date learningObjectId statusGroups includeArchived $filter
    $select $top $count $orderby $skiptoken $deltatoken UserId ModificationStartDate ModificationEndDate
"""
CORNERSTONE_NAMES = tuple(_CORNERSTONE.split())


def cornerstone_requests(url: str) -> list[Good]:
    portal = Cornerstone(sandbox_address("cornerstone", url))
    portal.control("POST", "reset", {"seed": 1, "size": "small", "now": NOW})
    application = {"sandbox": {"secret": "sandbox-secret", "lifetime_seconds": 86_400}}
    portal.configure(limits="off", learning_assignment_daily_limit=10**9, heartbeat_seconds=0, applications=application)
    portal.login()
    session = portal.held("E10001")
    ids = {"externalId": "E10001", "learningObjectId": session}
    marks = {"SessionLOID": session, "Users": [attended("E10001", 1, 2)]}
    changed = {"Type": "Session", "SessionItem": {"LoID": session, "MinimumRegistration": 0, "Parts": [part(1), part(2)]}}
    assignment = {"title": "t", "trainings": [{"learningObjectId": session}], "users": ["E10002"], "assignmentStatus": "Registered"}
    token = {"clientId": "sandbox", "clientSecret": "sandbox-secret", "grantType": "client_credentials", "scope": "all"}
    good = [
        Good(method="POST", path="/services/api/oauth2/token", json=token),
        Good(method="GET", path=EMPLOYEES, query={"lastName": "Brown", "pageSize": "5"}),
        Good(method="GET", path=EMPLOYEES + "/1002"),
        Good(method="PATCH", path=EMPLOYEES + "/1002", json={"firstName": "Mary", "mobilePhone": "1"}),
        Good(method="GET", path=OUS, query={"typeId": "32"}),
        Good(method="POST", path=OUS, json={"typeId": 2, "name": "New", "description": "d"}),
        Good(method="GET", path=DETAILS, query={"ObjectID": session}),
        Good(method="POST", path="/services/api/LO/Update", json={"data": {"record": [changed]}}),
        Good(method="GET", path=CATALOG, query={"Title": "fire"}),
        Good(method="POST", path=ASSIGNMENTS, json=assignment),
        Good(method="GET", path=ASSIGNMENTS, query={"title": "t"}),
        Good(method="GET", path=TRANSCRIPTS + "/overview", query={"externalId": "E10001"}),
        Good(method="GET", path=TRANSCRIPTS + "/details", query=ids),
        Good(method="GET", path=ROSTER + "/GetSessionRoster", query={"sessionLOID": session}),
        Good(method="POST", path=ROSTER + "/", json={"data": {"record": [marks]}}),
        Good(method="GET", path=OBJECTS + "/users_core", query={"$filter": "user_id gt 1400", "$top": "5"}),
        Good(method="GET", path=VIEWS + "/vw_rpt_transcript_status"),
        Good(method="GET", path="/_sandbox/state/users", query={"limit": "1"}),
    ]
    bearer = {"authorization": str(portal.http.headers["Authorization"]), "accept": "application/json"}
    return [Good(method=g.method, path=g.path, json=g.json, query=g.query, headers=bearer) for g in good]


# ---- Administrate

_ADMINISTRATE = """
    query variables operationName input filters field operation value values first after offset order id accountId personalName
    emailAddresses contactId nodeId name contacts start eventId lifecycleState grant_type code state redirect_uri client_id
"""
ADMINISTRATE_NAMES = tuple(_ADMINISTRATE.split())


def administrate_requests(url: str) -> list[Good]:
    portal = Administrate(sandbox_address("administrate", url))
    portal.control("POST", "reset", {"seed": 1, "size": "small", "now": NOW})
    portal.configure(rate_limit_requests=None, token_seconds=10_000_000)
    portal.login()
    event, account, contact = portal.event(), portal.account(), portal.contact()
    documents = [
        ("{ hello }", {}),
        ("query ($f: [ContactFieldGraphFilter!], $n: Int) { contacts(filters: $f, first: $n) { edges { node { id } } } }", _filtered()),
        ("query ($i: ID!) { node(id: $i) { id __typename ... on Event { sessions { edges { node { id start } } } } } }", {"i": event}),
        (
            "mutation ($i: [ContactCreateInput]!) { contact { createBatch(input: $i) { contact { id } errors { label message } } } }",
            {"i": [{"accountId": account, "personalName": {"firstName": "A", "lastName": "B"}, "emailAddresses": []}]},
        ),
        (
            "mutation ($i: ContactUpdateInput!) { contact { update(input: $i) { contact { id } errors { label message } } } }",
            {"i": {"contactId": contact, "personalName": {"firstName": "Ada"}, "phoneNumbers": [{"usage": "mobile", "number": "1"}]}},
        ),
        (
            'mutation ($n: ID!, $v: String!) { externalId { store(nodeId: $n, name: "a", value: $v, overwrite: true) { id } } }',
            {"n": account, "v": "x"},
        ),
        (
            "mutation ($e: ID!, $i: EventUpdateInput!) { event { update(eventId: $e, input: $i) { event { id } errors { label } } } }",
            {"e": event, "i": {"title": "Fire", "minPlaces": 1}},
        ),
        ("{ webhookTypes(first: 5) { edges { cursor node { id name } } pageInfo { endCursor totalRecords } } }", {}),
    ]
    bearer = {"authorization": str(portal.http.headers["Authorization"])}
    form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
    return [
        *(Good(method="POST", path="/graphql", json={"query": text, "variables": v}, headers=bearer) for text, v in documents),
        Good(method="POST", path="/oauth/token", form=form),
        Good(method="GET", path="/_sandbox/state/accounts", query={"limit": "1"}),
        Good(method="GET", path="/ui/accounts/1"),
    ]


def _filtered() -> dict[str, object]:
    filters = [
        {"field": "emailAddress", "operation": "like", "value": "%@example.org"},
        {"field": "lastUpdatedAt", "operation": "ge", "value": "2026-01-01T00:00:00Z"},
        {"field": "id", "operation": "notin", "values": ["x"]},
    ]
    return {"f": filters, "n": 5}


# ---- the gateway

GATEWAY_NAMES = ("metadata", "payload", "configuration", "node", "echo", "records", "value", "headers", "lmsEventsCase", "data", "id", "at")


def gateway_requests() -> list[Good]:
    basic = {"authorization": "Basic " + base64.b64encode(f"anybody:{SECRET}".encode()).decode()}
    key = {"x-api-key": API_KEY, "content-encoding": "gzip"}
    metadata = {"webhook_id": "T3V0Ym91bmRIb29rOjE=", "triggered_at": "2026-10-05T09:00:00.000000Z", "user": {"email": None}}
    hint = {"metadata": metadata, "payload": {"node": {"id": "TGVhcm5lcjo3Nw=="}}, "configuration": {"secret": "s"}}
    data = {"eventId": "m-1", "trainingId": "8d86b95c-f7a3-434c-9809-b437ecbed6cb", "targetUserId": 7, "trainingRegistrationNumber": 1}
    value = {"headers": {"messageId": "m-1"}, "lmsEventsCase": "TrainingCompleted", "trainingCompleted": {"data": data}}
    envelope = {"subscriptionId": "s", "sessionId": "t", "attemptNumber": 1, "records": [{"offset": 1, "lag": 0.1, "value": value}] * 2}
    return [
        Good(method="POST", path="/webhooks/administrate/learner_created", json=hint, headers=basic),
        Good(method="POST", path=f"/webhooks/administrate/{SECRET}/event_updated", json=hint),
        Good(method="POST", path="/webhooks/administrate/event_deleted", json=hint | {"payload": {"echo": "Q291cnNlOjE="}}, headers=basic),
        Good(method="POST", path="/webhooks/cornerstone", json=envelope, headers=key, packed=True),
        Good(method="POST", path="/webhooks/cornerstone", json={"records": []}, headers=key, packed=True),
        Good(method="GET", path="/healthz"),
    ]
