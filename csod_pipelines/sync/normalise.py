"""Forms in which values of the two vendors are compared and sent. Every function is idempotent.

Limits: Cornerstone's employee guide gives 200 characters for names, 128 for e-mails, 30 for phones; its session
screen 50 for a part name; an integrator's code 1,000 for OU names, without angle brackets.
"""

from __future__ import annotations

import unicodedata

NAME_CHARS = 200
EMAIL_CHARS = 128
PHONE_CHARS = 30
OU_NAME_CHARS = 1000
PART_NAME_CHARS = 50


def text(value: str | None, *, limit: int | None = None) -> str:
    """Composed Unicode, no control characters, outer and doubled blanks removed, cut to ``limit`` characters."""
    composed = unicodedata.normalize("NFC", value or "")
    if not composed.isprintable():  # most texts are; asking for the category of each character takes its time
        composed = "".join(" " if unicodedata.category(c) == "Cc" else c for c in composed)
    squeezed = " ".join(composed.split())
    return squeezed if limit is None else squeezed[:limit].rstrip()


def optional(value: str | None, *, limit: int | None = None) -> str | None:
    return text(value, limit=limit) or None


def email(value: str | None) -> str | None:
    """Mail addresses are compared without regard to case, as both products' users type them."""
    squeezed = text(value, limit=EMAIL_CHARS).replace(" ", "")
    return squeezed.lower() or None


def ou_name(value: str | None) -> str:
    return text((value or "").replace("<", " ").replace(">", " "), limit=OU_NAME_CHARS)


def folded(value: str | None) -> str:
    """For matching only, never for sending: case and compatibility forms do not count.

    Folding can make a letter that composes anew, and a compatibility form can begin with a blank: hence the second turn.
    """
    once = unicodedata.normalize("NFKC", text(value)).casefold()
    return text(unicodedata.normalize("NFKC", once).casefold())


def part_names(titles: list[str]) -> list[str]:
    """Cornerstone addresses parts by name within a session, so every name is made unique: the second "Day" becomes "Day (2)"."""
    seen: set[str] = set()
    names: list[str] = []
    for index, title in enumerate(titles, start=1):
        base = text(title, limit=PART_NAME_CHARS) or f"Part {index}"
        name, number = base, 1
        while name.casefold() in seen:
            number += 1
            suffix = f" ({number})"
            name = base[: PART_NAME_CHARS - len(suffix)].rstrip() + suffix
        seen.add(name.casefold())
        names.append(name)
    return names
