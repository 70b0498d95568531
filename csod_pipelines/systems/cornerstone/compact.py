"""What a scan of a large portal must remember of each row, in a few bytes a row.

A portal's ids are numbers that it counts up, so they serve as places in an array. An id that is none, or beyond all reason, goes
into an ordinary set or dictionary.
"""

from __future__ import annotations

from array import array

LARGEST_PLACE = 1 << 25  # one user of so high an id costs a quarter of a gigabyte, and not two


class SeenIds:
    """A bit an id: 125 kB for a million, where a set of texts takes 120 MB."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._others: set[str] = set()

    def add(self, id: str) -> bool:
        """False when it was seen before."""
        if (place := _place(id)) is None:
            new = id not in self._others
            self._others.add(id)
            return new
        byte, bit = divmod(place, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        new = not self._bits[byte] >> bit & 1
        self._bits[byte] |= 1 << bit
        return new


class Homes:
    """The one OU of each user: eight bytes a user."""

    def __init__(self) -> None:
        self._places = array("q")
        self._others: dict[str, str] = {}

    def put(self, user_id: object, ou_id: object) -> None:
        user, ou = _place(str(user_id)), _place(str(ou_id))
        if user is None or ou is None:
            self._others[str(user_id)] = str(ou_id)
            return
        self._others.pop(str(user_id), None)
        if user >= len(self._places):
            self._places.extend(array("q", [-1]) * (user + 1 - len(self._places)))
        self._places[user] = ou

    def get(self, user_id: object) -> str | None:
        if (other := self._others.get(str(user_id))) is not None:
            return other
        user = _place(str(user_id))
        if user is None or user >= len(self._places) or self._places[user] < 0:
            return None
        return str(self._places[user])


def _place(id: str) -> int | None:
    if not (id.isascii() and id.isdigit()) or str(int(id)) != id:
        return None
    return number if (number := int(id)) <= LARGEST_PLACE else None
