from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from csod_pipelines.store import images, links
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.images import Image, ImageRow
from csod_pipelines.store.links import AlreadyLinked, Link, Taken


def claimed(conn: Any, key: str = "ada@example.com|lovelace", system: str = "administrate", id: str = "A1", kind: str = "person") -> Link:
    link = links.claim_link(conn, kind=kind, natural_key=key, system=system, id=id)
    assert isinstance(link, Link)
    return link


def test_a_link_goes_from_claimed_to_live_and_is_found_from_both_ends(database: Database) -> None:
    with database.begin() as conn:
        link = claimed(conn)
        assert (link.state, link.side("administrate"), link.side("cornerstone")) == ("claimed", "A1", None)
        live = links.bind(conn, link.id, system="cornerstone", id="70", facts={"user_ref": "ADM-1"})
        assert (live.state, live.cornerstone_id, live.facts) == ("live", "70", {"user_ref": "ADM-1"})
        assert links.by_id(conn, link.id) == links.by_record(conn, "person", "cornerstone", "70") == live
        assert links.by_record(conn, "person", "administrate", "A1") == live
        assert links.by_record(conn, "org_unit", "administrate", "A1") is None
        assert links.by_records(conn, "person", "administrate", ["A1", "A2"]) == {"A1": live}
        links.set_facts(conn, link.id, {"more": 1})
        assert links.by_id(conn, link.id).facts == {"user_ref": "ADM-1", "more": 1}  # pyright: ignore[reportOptionalMemberAccess]


def test_two_ends_of_one_person_meet_in_one_claim(database: Database) -> None:
    with database.begin() as conn:
        first = claimed(conn)
        second = links.claim_link(conn, kind="person", natural_key="ada@example.com|lovelace", system="cornerstone", id="70")
        assert second == Taken(first)
        links.release_claim(conn, first.id)
        assert isinstance(
            links.claim_link(conn, kind="person", natural_key="ada@example.com|lovelace", system="cornerstone", id="70"), Link
        )


def test_an_interrupted_claim_is_resumed_by_the_same_record(database: Database) -> None:
    with database.begin() as conn:
        first = claimed(conn)
        assert claimed(conn) == first
        assert claimed(conn, key="another name") == first, "its name changed between the two attempts"
        assert isinstance(links.claim_link(conn, kind="person", natural_key="ada@example.com|lovelace", system="cornerstone", id="7"), Link)


def test_only_one_of_two_simultaneous_claims_wins(database: Database, database_urls: Any) -> None:
    results: list[Link | Taken] = []
    barrier = threading.Barrier(2)

    def compete(system: str) -> None:
        own = connect(database_urls.engine)
        with own.begin() as conn:
            barrier.wait()
            results.append(links.claim_link(conn, kind="person", natural_key="same", system=system, id="1"))
        own.close()

    threads = [threading.Thread(target=compete, args=(s,)) for s in ("administrate", "cornerstone")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = [r for r in results if isinstance(r, Link)]
    (lost,) = [r for r in results if isinstance(r, Taken)]
    assert lost.link.id == won.id


def test_a_record_cannot_be_half_of_two_links(database: Database) -> None:
    with database.begin() as conn:
        first = claimed(conn)
        links.bind(conn, first.id, system="cornerstone", id="70")
        second = claimed(conn, key="other", id="A2")
        with pytest.raises(AlreadyLinked, match=f"link:{first.id}"):
            links.bind(conn, second.id, system="cornerstone", id="70")
        assert links.bind(conn, second.id, system="cornerstone", id="71").state == "live", "the transaction is still usable"


def test_a_renamed_record_frees_its_old_natural_key(database: Database) -> None:
    with database.begin() as conn:
        first = claimed(conn, key="Sales", kind="org_unit")
        assert links.rekey(conn, first.id, "Marketing")
        second = claimed(conn, key="Sales", id="A2", kind="org_unit")
        assert not links.rekey(conn, second.id, "Marketing")


def test_a_tombstone_answers_for_its_records_until_they_are_linked_anew(database: Database) -> None:
    with database.begin() as conn:
        link = claimed(conn)
        links.bind(conn, link.id, system="cornerstone", id="70")
        links.set_state(conn, link.id, "tombstone")
        found = links.by_record(conn, "person", "cornerstone", "70")
        assert found
        assert found.state == "tombstone"
        reopened = links.reopen(conn, link.id)
        assert (reopened.state, reopened.generation) == ("live", 2)
        assert links.reopen(conn, link.id) == reopened, "reopening twice is reopening once"
        links.set_state(conn, link.id, "tombstone")
        newer = claimed(conn)
        assert links.by_record(conn, "person", "administrate", "A1") == newer
        assert links.by_records(conn, "person", "administrate", ["A1"]) == {"A1": newer}


def test_a_kind_is_scanned_in_pages_and_counted(database: Database) -> None:
    with database.begin() as conn:
        for n in range(5):
            links.bind(conn, claimed(conn, key=str(n), id=f"A{n}").id, system="cornerstone", id=str(n))
        claimed(conn, key="x", id="AX")
        first = links.scan(conn, "person", limit=3)
        rest = links.scan(conn, "person", after_id=first[-1].id, limit=3)
        assert [link.cornerstone_id for link in first + rest] == ["0", "1", "2", "3", "4"]
        assert links.count_by_kind(conn) == {"person": 5}
        assert links.count_by_kind(conn, state="claimed") == {"person": 1}


def test_looking_up_a_batch_among_thousands_reads_the_batch_alone_though_the_table_has_no_statistics_yet(database: Database) -> None:
    """An import of 40,000 users spent most of its time there: by an array of ids, each look-up read the whole kind."""
    rows_read = text("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'link'")
    with database.begin() as conn:
        for start in range(0, 5_000, 500):
            keys = {str(number): f"user{number}@example.com|x" for number in range(start, start + 500)}
            links.claim_links(conn, kind="person", natural_keys=keys, system="cornerstone")
    with database.read() as conn:
        before = conn.execute(rows_read).scalar_one_or_none() or 0
        found = links.by_records(conn, "person", "cornerstone", [str(number) for number in range(0, 5_000, 100)])
        assert len(found) == 50
        assert conn.execute(rows_read).scalar_one() - before <= 2 * 50


def test_the_natural_key_itself_is_not_stored(database: Database) -> None:
    with database.begin() as conn:
        claimed(conn, key="ada@example.com|lovelace")
        assert "ada" not in str(conn.execute(text("SELECT link::text FROM link")).scalar_one())


def test_an_image_keeps_what_is_not_given(database: Database) -> None:
    with database.begin() as conn:
        link = claimed(conn)
        assert images.load(conn, link.id) == {}
        images.save(conn, link.id, "cornerstone", seen={"b": 1, "a": "é"})
        images.save(conn, link.id, "cornerstone", base={"a": "é"}, refused={"mobile": "digest"})
        assert images.load(conn, link.id) == {"cornerstone": Image({"a": "é", "b": 1}, {"a": "é"}, {"mobile": "digest"})}
        images.save(conn, link.id, "cornerstone", seen={"a": "f"})
        assert images.load(conn, link.id)["cornerstone"] == Image({"a": "f"}, {"a": "é"}, {"mobile": "digest"})
        images.save(conn, link.id, "cornerstone", refused={})
        assert images.load(conn, link.id)["cornerstone"].refused == {}


def test_equal_images_have_equal_digests_whatever_the_order_of_their_fields(database: Database) -> None:
    with database.begin() as conn:
        link = claimed(conn)
        images.save_many(
            conn,
            [
                ImageRow(link.id, "administrate", seen={"a": 1, "b": {"c": 2, "d": 3}}),
                ImageRow(link.id, "cornerstone", seen={"b": {"d": 3, "c": 2}, "a": 1}),
            ],
        )
        digests = conn.execute(text("SELECT DISTINCT seen_digest FROM image")).scalars().all()
        assert len(digests) == 1
        assert len(digests[0]) == 32


def test_many_images_are_saved_and_loaded_at_once(database: Database) -> None:
    with database.begin() as conn:
        made = [claimed(conn, key=str(n), id=str(n)).id for n in range(200)]
        images.save_many(conn, (ImageRow(id, "administrate", seen={"n": id}) for id in made))
        images.save_many(conn, [])
        loaded = images.load_many(conn, [*made, 999_999])
        assert {id: image["administrate"].seen for id, image in loaded.items()} == {id: {"n": id} for id in made}
