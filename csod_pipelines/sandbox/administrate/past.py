"""Two years of training behind a world, for backfills: monthly events with learners, attendance and results."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from csod_pipelines.sandbox.administrate import learners, training
from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.records import Contact, CourseTemplate

MONTHS = 24
LEARNERS_AN_EVENT = 8
# Offerings across a change of the clocks on either side of the Atlantic and where there is none.
ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata")


def add_history(call: Call, dice: random.Random, *, until: datetime) -> None:
    world = call.world
    people = [row for row in world.table(Contact).ordered if not row.is_instructor][:500]
    templates = world.table(CourseTemplate).ordered
    end_stamp = call.stamp
    for month in range(MONTHS, 0, -1):
        day = (until - timedelta(days=30 * month)).replace(hour=9, minute=0, second=0)
        call.stamp = int((day - timedelta(days=14)).timestamp())
        inputs = {
            "eventType": "public",
            "timeZoneName": ZONES[month % len(ZONES)],
            "courseTemplateId": call.gid(templates[month % len(templates)]),
            "classroomStartDateTime": day,
            "classroomEndDateTime": day + timedelta(hours=8),
            "lifecycleState": "published",
        }
        call.stamp = max(call.stamp, end_stamp)
        event = training.create_event(call, inputs, mode="classroom")
        chosen = dice.sample(people, min(LEARNERS_AN_EVENT, len(people)))
        rows = learners.register(call, event, [call.gid(row) for row in chosen], letters=False) if chosen else []
        call.stamp = end_stamp = max(int((day + timedelta(days=1)).timestamp()), call.stamp)
        for row in rows:
            present = dice.random() < 0.85
            session = world.sessions(event)[0]
            learners.record_attendance(call, {"learnerId": call.gid(row), "sessionId": call.gid(session), "attended": present})
            if present:
                learners.record_result(call, call.gid(row), has_passed=dice.random() < 0.9)
        call.effects.clear()
        call.fired.clear()
