"""What a scan remembers in a few bytes a row is what a set and a dictionary would remember."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from csod_pipelines.systems.cornerstone.compact import Homes, SeenIds

IDS = st.one_of(st.integers(0, 5_000).map(str), st.sampled_from(["007", "", "x-1", "²", "-5", str(1 << 40)]))


@given(st.lists(IDS))
def test_an_id_is_new_once_whatever_it_looks_like(ids: list[str]) -> None:
    seen, known = SeenIds(), set[str]()
    for id in ids:
        assert seen.add(id) == (id not in known)
        known.add(id)


@given(st.lists(st.tuples(IDS, IDS)), st.lists(IDS))
def test_the_home_of_a_user_is_the_last_that_was_told(told: list[tuple[str, str]], asked: list[str]) -> None:
    homes, known = Homes(), dict[str, str]()
    for user, ou in told:
        homes.put(user, ou)
        known[user] = ou
    assert [homes.get(id) for id in [*asked, *known]] == [known.get(id) for id in [*asked, *known]]
