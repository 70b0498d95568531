"""The days and months that assets are divided into.

A day is the day compared, so the running one belongs to it (``end_offset=1``). A month of history is a finished one;
what happens in the running month is the live flows' work.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

FIRST_DAY = "2026-01-01"
FIRST_MONTH = "2010-01"

MONTHS = dg.MonthlyPartitionsDefinition(start_date=FIRST_MONTH, fmt="%Y-%m")


def days(zone: str) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone=zone, end_offset=1)


def day_of(moment: datetime, *, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()
