"""The vendors' field names in a refusal, as the model's: only so can the field that was refused be left out next time."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FIELDS: dict[str, tuple[str, ...]] = {
    "personalname": ("first_name", "last_name"),
    "firstname": ("first_name",),
    "lastname": ("last_name",),
    "emailaddress": ("email",),
    "emailaddresses": ("email",),
    "primaryemail": ("email",),
    "phonenumbers": ("mobile",),
    "mobilephone": ("mobile",),
    "accountid": ("org_unit_id",),
    "ous": ("org_unit_id",),
    "workerstatus": ("active",),
    "hasleftcompany": ("active",),
    "parentaccountid": ("parent_id",),
    "parentid": ("parent_id",),
    "timezonename": ("time_zone",),
    "minimumregistration": ("min_places",),
    "maximumregistration": ("max_places",),
    "sessionid": ("code",),
    "eventnumber": ("code",),
    "eventname": ("title",),
    "subjecttitles": ("subjects",),
    "primaryprovidername": ("provider",),
}


def model_fields(names: Iterable[str]) -> tuple[str, ...]:
    """``ous[0].id`` counts as ``ous``. A name of no mapped field is kept as the vendor wrote it."""
    found: dict[str, None] = {}
    for name in names:
        head = re.split(r"[.\[]", name.strip(), maxsplit=1)[0]
        found |= dict.fromkeys(_FIELDS.get(head.casefold(), (name,)))
    return tuple(found)
