"""What may befall a worker at any named place: it dies there, or something happens around it and it goes on."""

from __future__ import annotations

from collections.abc import Callable


class Killed(BaseException):
    """The process ends here. No ``except Exception`` of the code under test may take note of it."""


class Places:
    """Satisfies ``Seams``; ``seen`` are the places passed so far."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def at(self, place: str) -> None:
        self.seen.append(place)


class Axe(Places):
    """Kills at the ``number``-th place, and at each one after it: a dead process does not tidy up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def at(self, place: str) -> None:
        super().at(place)
        if len(self.seen) >= self._number:
            raise Killed(place)


class Storm(Places):
    """At the ``number``-th of the places that begin with ``places`` something happens once, such as a restart of the database."""

    def __init__(self, number: int, strike: Callable[[], None], *, places: str = "") -> None:
        super().__init__()
        self._left, self._strike, self._places = number, strike, places
        self.struck = False

    def at(self, place: str) -> None:
        super().at(place)
        if place.startswith(self._places):
            self._left -= 1
            if not self._left:
                self.struck = True
                self._strike()
