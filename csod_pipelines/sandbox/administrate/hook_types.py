"""The webhook types an instance offers. The id on the wire is base64 of `WebhookType:<slug>`.

Names and slugs of the first block are documented or seen in workflows; account_created and the session ones by name only. The rest is
unproven: each has the switch `webhook_<slug>`, and a type switched off is missing from `webhookTypes` and never fires.
"""

from __future__ import annotations

HOOK_TYPES: dict[str, str] = {
    "event_created": "Event Created",
    "event_updated": "Event Updated",
    "event_published": "Event Published",
    "event_cancelled": "Event Cancelled",
    "event_deleted": "Event Deleted",
    "learner_created": "Learner Created",
    "learner_cancelled": "Learner Cancelled",
    "contact_created": "Contact Created",
    "contact_updated": "Contact Updated",
    "manual_event": "Manual Event",
    "manual_course_template": "Manual Course Template",
    "account_created": "Account Created",
    "session_created": "Session Created",
    "session_updated": "Session Updated",
    "session_deleted": "Session Deleted",
    "learner_attended_session": "Learner Attended Session",
    "course_template_updated": "Course Template Updated",
    "account_updated": "Account Updated",
    "contact_deleted": "Contact Deleted",
    "learner_updated": "Learner Updated",
    "learner_result_updated": "Learner Result Updated",
    "learner_missed_session": "Learner Missed Session",
    "course_template_published": "Course Template Published",
}
# The vendor's own texts spell it both ways; a look-up by either name finds the type.
ALIASES: dict[str, tuple[str, ...]] = {"learner_cancelled": ("Learner Canceled",)}
MANUAL = frozenset({"manual_event", "manual_course_template"})
