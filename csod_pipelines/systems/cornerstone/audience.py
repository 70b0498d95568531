"""Whom new training is meant for, and in which languages, as a learning object is told.

Training that is available to nobody is hidden from its learners, and from us when we read it back.
"""

from __future__ import annotations

from typing import Any

from csod_pipelines.systems.cornerstone.options import CORPORATION, Audience, CornerstoneOptions
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.errors import Refused

TYPES = "www.CornerStoneOnDemand.com/Services/LMS"

#: Names that the portal prints beside language ids; an id that is not listed stands for itself.
LANGUAGES = {
    "de-DE": "German (Germany)",
    "en-GB": "English (UK)",
    "en-US": "English (US)",
    "es-ES": "Spanish (Spain)",
    "es-MX": "Spanish (Mexico)",
    "fr-CA": "French (Canada)",
    "fr-FR": "French (France)",
    "it-IT": "Italian (Italy)",
    "ja-JP": "Japanese (Japan)",
    "nl-NL": "Dutch (Netherlands)",
    "pl-PL": "Polish (Poland)",
    "pt-BR": "Portuguese (Brazil)",
    "sv-SE": "Swedish (Sweden)",
    "zh-CN": "Chinese (Simplified)",
}


class Audiences:
    def __init__(self, platform: Platform, *, options: CornerstoneOptions) -> None:
        self._platform = platform
        self._options = options
        self._resolved: tuple[Audience, ...] | None = None

    def availabilities(self) -> list[dict[str, Any]]:
        if self._resolved is None:
            self._resolved = self._options.audience or self._of_ous()
        return [_availability(audience) for audience in self._resolved]

    def languages(self) -> list[dict[str, str]]:
        return [{"Language": LANGUAGES.get(id, id), "LanguageID": id} for id in self._options.languages]

    def _of_ous(self) -> tuple[Audience, ...]:
        if self._options.audience_ous:
            rows = [(id, self._platform.ou(id)) for id in self._options.audience_ous]
        else:
            rows = [("", row) for page in self._platform.ous(typeId=CORPORATION) for row in page][:1]
        names = self._platform.ou_types()
        found: list[Audience] = []
        for id, row in rows:
            ref, type_id = ((row.get("externalId") or "").strip(), row.get("typeId")) if row else ("", None)
            if not ref or type_id is None:
                raise Refused(
                    f"cornerstone: the OU {id or 'Corporation'} that new training is to be available to is not shown, or has no "
                    "external id; name other OUs as the catalogue's audience",
                    code="audience",
                )
            found.append(Audience(ref=ref, ou_type=names.get(type_id, str(type_id))))
        if not found:
            raise Refused("cornerstone shows no Corporation OU; name the OUs that are the catalogue's audience", code="audience")
        return tuple(found)


def _availability(audience: Audience) -> dict[str, Any]:
    """WCF reads `__type` only where it is the first member."""
    kind = "OUAvailability" if audience.ou_type else "UserAvailability"
    sent: dict[str, Any] = {"__type": f"{kind}:{TYPES}", "Id": audience.ref}
    if audience.ou_type:
        sent |= {"SubType": audience.ou_type, "IncludeSubs": audience.include_subs}
    return sent | {"PreApproved": audience.pre_approved, "RegisterUponApproval": audience.register_upon_approval}
