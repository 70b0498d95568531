"""Normal forms: applying one twice changes nothing, and what is sent fits the vendor."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from csod_pipelines.sync import normalise as n

#: Letters that fold, compose or vanish in odd ways, blanks of all kinds, and controls.
AWKWARD = st.text(alphabet=st.one_of(st.sampled_from("aAéßİıſﬁ  \t\n\x00\x85\u00a0\u2028<>&\u0301Å한日"), st.characters()), max_size=60)


@given(AWKWARD, st.integers(1, 80))
def test_text_is_idempotent_and_fits(value: str, limit: int) -> None:
    once = n.text(value, limit=limit)
    assert n.text(once, limit=limit) == once
    assert len(once) <= limit
    assert once == once.strip()
    assert not any(ord(c) < 32 for c in once)


@given(AWKWARD)
def test_email_is_idempotent_and_blind_to_case(value: str) -> None:
    once = n.email(value)
    assert n.email(once) == once
    if value.isascii():
        assert n.email(value.upper()) == n.email(value.lower()) == once


@given(AWKWARD)
def test_ou_names_are_idempotent_and_hold_no_angle_brackets(value: str) -> None:
    once = n.ou_name(value)
    assert n.ou_name(once) == once
    assert "<" not in once and ">" not in once


@given(AWKWARD)
def test_folding_is_idempotent_and_blind_to_composition(value: str) -> None:
    once = n.folded(value)
    assert n.folded(once) == once


@given(AWKWARD)
def test_optional_is_none_or_normal(value: str) -> None:
    once = n.optional(value)
    assert once is None or (once and n.optional(once) == once)


@given(st.lists(AWKWARD, max_size=12))
def test_part_names_are_distinct_within_fifty_characters_and_idempotent(titles: list[str]) -> None:
    names = n.part_names(titles)
    assert len(names) == len(titles)
    assert len({name.casefold() for name in names}) == len(names)
    assert all(name and len(name) <= n.PART_NAME_CHARS for name in names)
    assert n.part_names(names) == names


def test_the_second_day_is_numbered() -> None:
    assert n.part_names(["Day", "day", "", "Day (2)"]) == ["Day", "day (2)", "Part 3", "Day (2) (2)"]


def test_controls_are_blanks_and_blanks_are_one() -> None:
    assert n.text(" a\x00b\t c\n") == "a b c"


def test_addresses_hold_no_blanks_and_an_empty_one_is_none() -> None:
    assert n.email(" A b@Example.org ") == "ab@example.org"
    assert n.email(" ") is None


def test_names_are_cut_to_what_the_vendors_take() -> None:
    assert n.email("a" * 200) == "a" * 128
    assert n.ou_name("a" * 1100) == "a" * 1000
    assert n.part_names(["a" * 60, "a" * 60]) == ["a" * 50, "a" * 46 + " (2)"]
