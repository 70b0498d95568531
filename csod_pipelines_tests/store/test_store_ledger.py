from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import text

from csod_pipelines.store import images, ledger, links
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.provision import Urls

GRAPHQL = "https://api.example.com/graphql"


def opened(database: Database, subject: str = "person:cornerstone:7", run_id: str = "run:1", **changes: Any) -> UUID:
    id = uuid4()
    with database.begin() as conn:
        ledger.open_operation(
            conn,
            **{
                "id": id,
                "subject": subject,
                "kind": "person",
                "action": "create",
                "flow": "people_sync",
                "system": "administrate",
                "run_id": run_id,
                "cause": {"event": 5},
                "cornerstone_type": "user",
                "cornerstone_id": "7",
                "intent": b'{"first_name":"Ada"}',
                "marker": "m1",
            }
            | changes,
        )
    return id


def closed(database: Database, id: UUID, outcome: str, **changes: Any) -> None:
    with database.begin() as conn:
        ledger.close_operation(conn, id, **{"outcome": outcome, "reason": "created", "params": {"n": 1}, "detail": ""} | changes)


def forget(urls: Urls, *, cornerstone_id: str) -> int:
    """As the owner: no role that runs may."""
    owner = connect(urls.owner)
    try:
        with owner.begin() as conn:
            return conn.execute(text("SELECT forget_person(NULL, :id)"), {"id": cornerstone_id}).scalar_one()
    finally:
        owner.close()


def still_open(database: Database, subject: str) -> list[ledger.OpenOperation]:
    with database.read() as conn:
        return ledger.open_operations(conn, subject)


@pytest.fixture
def recorder(database: Database) -> ledger.LedgerRecorder:
    return ledger.LedgerRecorder(database)


def call(recorder: ledger.LedgerRecorder, body: bytes | None, answer: bytes = b"{}", status: int | None = 200, **changes: Any) -> UUID:
    given = {"system": "administrate", "method": "POST", "url": GRAPHQL, "operation": "createContact", "body": body} | changes
    id = recorder.sending(**given)
    recorder.answered(id, status=status, body=answer, seconds=0.2, error=None if status else "timeout")
    return UUID(id)


def bodies(database: Database, exchange: UUID) -> dict[str, bytes]:
    with database.read() as conn:
        rows = conn.execute(text("SELECT part, body FROM exchange_body WHERE exchange_id = :id"), {"id": exchange})
        return {row.part: row.body for row in rows}


def test_an_operation_is_open_until_it_has_a_certain_outcome(database: Database) -> None:
    id = opened(database)
    (operation,) = still_open(database, "person:cornerstone:7")
    assert (operation.id, operation.intent, operation.marker, operation.outcome) == (id, b'{"first_name":"Ada"}', "m1", None)
    closed(database, id, "unknown")
    assert [o.outcome for o in still_open(database, "person:cornerstone:7")] == ["unknown"]
    closed(database, id, "success", administrate_id="A9")
    assert still_open(database, "person:cornerstone:7") == []


def test_an_operation_begun_under_a_record_key_is_found_under_its_link(database: Database) -> None:
    id = opened(database)
    with database.begin() as conn:
        link = links.claim_link(conn, kind="person", natural_key="a", system="cornerstone", id="7")
        assert isinstance(link, links.Link)
    assert [o.id for o in still_open(database, f"link:{link.id}")] == [id]
    assert still_open(database, "link:999") == []


def test_the_last_word_on_an_operation_counts(database: Database) -> None:
    first, second, third = opened(database), opened(database, run_id="run:2"), opened(database, run_id="run:2")
    closed(database, first, "success")
    closed(database, second, "unknown")
    closed(database, second, "failure", status=409)
    with database.read() as conn:
        assert ledger.counts(conn, days=7) == {"success": 1, "failure": 1, "open": 1}
        rows = ledger.operations(conn)
        assert [r.id for r in rows] == [third, second, first]
        assert (rows[1].outcome, rows[1].status, rows[1].params, rows[1].cause) == ("failure", "409", {"n": 1}, {"event": 5})
        assert [r.id for r in ledger.operations(conn, run_id="run:2", limit=1)] == [third]


def test_a_record_is_found_by_the_id_that_only_the_answer_told(database: Database) -> None:
    id = opened(database)
    closed(database, id, "success", administrate_id="A9")
    with database.read() as conn:
        (row,) = ledger.operations(conn, record="A9")
        assert (row.id, row.administrate_id, row.cornerstone_id) == (id, "A9", "7")
        assert [r.id for r in ledger.operations(conn, record="7")] == [id]
        assert [r.id for r in ledger.operations(conn, subject="person:cornerstone:7")] == [id]
        assert ledger.operations(conn, record="nobody") == []


def test_a_call_is_in_the_ledger_before_it_is_answered(database: Database, recorder: ledger.LedgerRecorder) -> None:
    id = opened(database)
    token = ledger.current_operation.set((id,))
    try:
        request = recorder.sending(
            system="administrate", method="POST", url=GRAPHQL, operation="createContact", body=b'{"query":"mutation X"}'
        )
    finally:
        ledger.current_operation.reset(token)
    with database.read() as conn:
        (row,) = ledger.exchanges_of(conn, id)
        assert (str(row.id), row.status, row.request) == (request, None, b'{"query":"mutation X"}')
    recorder.answered(request, status=200, body=b'{"data":1}', seconds=0.25, error=None)
    with database.read() as conn:
        (row,) = ledger.exchanges_of(conn, id)
        assert (row.status, row.seconds, row.answer) == (200, 0.25, b'{"data":1}')
        (operation,) = ledger.operations(conn)
        assert (str(operation.exchange_id), operation.url, operation.http_status) == (request, GRAPHQL, 200)


def test_an_operation_is_shown_with_its_write_and_not_with_the_read_that_followed(
    database: Database, recorder: ledger.LedgerRecorder
) -> None:
    token = ledger.current_operation.set((opened(database),))
    try:
        call(recorder, b"{}", method="PATCH", url="https://api.example.com/write", status=409)
        call(recorder, None, method="GET", url="https://api.example.com/read")
    finally:
        ledger.current_operation.reset(token)
    with database.read() as conn:
        (operation,) = ledger.operations(conn)
    assert (operation.method, operation.url, operation.http_status) == ("PATCH", "https://api.example.com/write", 409)


def test_several_operations_share_one_call(database: Database, recorder: ledger.LedgerRecorder) -> None:
    ids = (opened(database), opened(database))
    token = ledger.current_operation.set(ids)
    try:
        exchange = call(recorder, b'{"query":"mutation { a b }"}')
    finally:
        ledger.current_operation.reset(token)
    with database.read() as conn:
        assert [[e.id for e in ledger.exchanges_of(conn, id)] for id in ids] == [[exchange], [exchange]]


@pytest.mark.parametrize(
    ("method", "body", "status", "kept"),
    [
        ("POST", b'{"query":"mutation Create($a: X) { create }"}', 200, {"request", "answer"}),
        ("POST", b'{"query":"fragment F on X { id } mutation M { create }"}', 200, {"request", "answer"}),
        ("POST", b'{"data":{"record":[]}}', 201, {"request", "answer"}),
        ("PATCH", b"{}", None, {"request", "answer"}),
        ("POST", b'{"query":"query Contacts { contacts { mutation } }"}', 200, set()),
        ("GET", None, 200, set()),
        ("GET", None, 500, {"answer"}),
        ("POST", b'{"query":"{ contacts }"}', 400, {"request", "answer"}),
    ],
)
def test_bodies_of_writes_and_of_errors_are_kept_and_those_of_reads_are_not(
    database: Database, recorder: ledger.LedgerRecorder, method: str, body: bytes | None, status: int | None, kept: set[str]
) -> None:
    exchange = call(recorder, body, b'{"answer":1}', status, method=method)
    assert set(bodies(database, exchange)) == kept
    with database.read() as conn:
        sizes = conn.execute(text("SELECT x.bytes, a.bytes FROM exchange x JOIN exchange_outcome a ON a.exchange_id = x.id")).one()
        assert tuple(sizes) == (len(body or b""), 12)


def test_no_secret_reaches_the_ledger(database: Database, recorder: ledger.LedgerRecorder) -> None:
    canary = "s3cr3t-canary"
    call(
        recorder,
        f'{{"clientSecret":"{canary}","grantType":"x"}}'.encode(),
        f'{{"access_token":"{canary}"}}'.encode(),
        url="https://c.example/services/api/oauth2/token",
    )
    call(recorder, f"grant_type=code&client_secret={canary}".encode(), canary.encode(), 401, url="https://a.example/oauth/token")
    document = f'mutation {{ webhooks {{ create(configuration: "{canary}") }} }}'
    call(recorder, orjson.dumps({"query": document, "variables": {"configuration": {"p": canary}}}))
    call(recorder, b"{}", f'{{"error":{{"password":"{canary}"}}'.encode(), 500, url=f"https://u:{canary}@a.example/x?token={canary}&page=2")
    with database.read() as conn:
        tables = conn.execute(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
            )
        )
        for table in tables.scalars().all():
            for row in conn.execute(text(f"SELECT * FROM {table}")):
                assert canary not in " ".join(v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in row), table
        assert "https://a.example/x?token=~&page=2" in conn.execute(text("SELECT url FROM exchange")).scalars().all()


def test_operations_are_counted_of_the_last_days_alone(database: Database) -> None:
    """The ledger is kept for ever, and counting all of it took longer every month."""
    closed(database, opened(database), "success")
    with database.begin() as conn:
        conn.execute(text("SELECT set_config('csod.now', :now, true)"), {"now": (datetime.now(UTC) + timedelta(days=8)).isoformat()})
        assert ledger.counts(conn, days=7) == {}
        assert ledger.counts(conn, days=9) == {"success": 1}


def test_a_forgotten_person_leaves_digests_that_verify_and_nothing_to_read(
    database: Database, database_urls: Urls, recorder: ledger.LedgerRecorder
) -> None:
    id, other = opened(database), opened(database, cornerstone_id="8", subject="person:cornerstone:8")
    for operation in (id, other):
        token = ledger.current_operation.set((operation,))
        call(recorder, b'{"query":"mutation { create(name: Ada) }"}', b'{"name":"Ada"}')
        ledger.current_operation.reset(token)
    with database.begin() as conn:
        salt, intent, digest = conn.execute(
            text("SELECT salt, intent, intent_digest FROM operation_intent JOIN operation ON id = operation_id WHERE id = :id"), {"id": id}
        ).one()
        assert sha256(salt + intent).digest() == digest
    assert forget(database_urls, cornerstone_id="7") == 2
    with database.read() as conn:
        (row,) = ledger.exchanges_of(conn, id)
        assert (row.request, row.answer, row.status) == (None, None, 200)
        assert ledger.open_operations(conn, "person:cornerstone:7")[0].intent is None
        assert ledger.exchanges_of(conn, other)[0].request
        assert conn.execute(text("SELECT count(*) FROM operation WHERE intent_digest IS NOT NULL")).scalar_one() == 2


def test_a_forgotten_person_leaves_no_image_once_the_pair_has_ended_and_one_that_stands_keeps_its_bases(
    database: Database, database_urls: Urls
) -> None:
    """Without a base every field counts as changed, and edits that were to stay would be written over."""
    with database.begin() as conn:
        link = links.claim_link(conn, kind="person", natural_key="a", system="cornerstone", id="7")
        assert isinstance(link, links.Link)
        images.save(conn, link.id, "cornerstone", seen={"first_name": "Ada"}, base={"first_name": "Ada"})
    forget(database_urls, cornerstone_id="7")
    with database.begin() as conn:
        assert images.load(conn, link.id)["cornerstone"].base == {"first_name": "Ada"}
        links.set_state(conn, link.id, "tombstone")
    forget(database_urls, cornerstone_id="7")
    with database.read() as conn:
        assert images.load(conn, link.id) == {}


def test_an_answer_is_kept_to_a_bound_and_its_digest_is_of_the_whole(database: Database, recorder: ledger.LedgerRecorder) -> None:
    exchange = call(recorder, b"{}", b"x" * 3_000_000, method="PATCH")
    assert len(bodies(database, exchange)["answer"]) == 1_000_000
    with database.read() as conn:
        assert conn.execute(text("SELECT bytes FROM exchange_outcome")).scalar_one() == 3_000_000
