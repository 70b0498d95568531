from __future__ import annotations

import pytest

from csod_pipelines.gateway.routes import MAX_ID_LENGTH, administrate_target, cornerstone_target, usable_id

GUID = "8D86B95C-f7a3-434c-9809-b437ecbed6cb"


@pytest.mark.parametrize(
    ("type", "subject", "flow"),
    [
        ("account_created", "org_unit:administrate:QQ==", "people_sync"),
        ("contact_created", "person:administrate:QQ==", "people_sync"),
        ("contact_deleted", "person:administrate:QQ==", "people_sync"),
        ("course_template_published", "course:administrate:QQ==", "catalog_publish"),
        ("manual_course_template", "course:administrate:QQ==", "catalog_publish"),
        ("event_updated", "offering:administrate:QQ==", "catalog_publish"),
        ("manual_event", "offering:administrate:QQ==", "catalog_publish"),
        ("session_deleted", "part:administrate:QQ==", "catalog_publish"),
        ("learner_created", "enrollment:administrate:QQ==", "enrollment_sync"),
        ("learner_canceled", "enrollment:administrate:QQ==", "enrollment_sync"),
        ("learner_cancelled", "enrollment:administrate:QQ==", "enrollment_sync"),
        ("learner_updated", "enrollment:administrate:QQ==", "enrollment_sync"),
        ("learner_result_updated", "enrollment:administrate:QQ==", "result_sync"),
        ("learner_attended_session", "enrollment:administrate:QQ==", "result_sync"),
        ("learner_missed_session", "enrollment:administrate:QQ==", "result_sync"),
    ],
)
def test_an_administrate_webhook_marks_the_record_its_type_speaks_of(type: str, subject: str, flow: str) -> None:
    target = administrate_target(type, "QQ==")
    assert target is not None
    assert (target.subject, target.flow) == (subject, flow)


@pytest.mark.parametrize("type", ["document_updated", "learning_path_updated", "event", "event_", "created", "learner_exploded"])
def test_an_administrate_type_we_do_not_follow_marks_nothing(type: str) -> None:
    assert administrate_target(type, "QQ==") is None


def test_a_payload_without_a_record_marks_nothing() -> None:
    assert administrate_target("learner_created", None) is None


def test_a_cornerstone_employee_is_a_person() -> None:
    target = cornerstone_target("EmployeeCreated", {"employeeId": 48928})
    assert target is not None
    assert (target.subject, target.flow) == ("person:cornerstone:48928", "people_sync")


@pytest.mark.parametrize(
    ("type", "flow"),
    [
        ("TrainingAssigned", "enrollment_sync"),
        ("TrainingRegistered", "enrollment_sync"),
        ("TrainingWithdrawn", "enrollment_sync"),
        ("TrainingCompleted", "result_sync"),
    ],
)
def test_a_cornerstone_training_is_the_row_of_one_user_object_and_registration(type: str, flow: str) -> None:
    target = cornerstone_target(type, {"targetUserId": "48928", "trainingId": GUID, "trainingRegistrationNumber": 2})
    assert target is not None
    assert (target.subject, target.flow) == (f"enrollment:cornerstone:48928:{GUID.lower()}:2", flow)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"targetUserId": 1, "trainingId": GUID},
        {"targetUserId": True, "trainingId": GUID, "trainingRegistrationNumber": 1},
        {"targetUserId": 1, "trainingId": "", "trainingRegistrationNumber": 1},
        {"targetUserId": 1, "trainingId": ["x"], "trainingRegistrationNumber": 1},
        {"targetUserId": -1, "trainingId": GUID, "trainingRegistrationNumber": 1},
    ],
)
def test_a_cornerstone_training_without_its_ids_marks_nothing(data: dict[str, object]) -> None:
    assert cornerstone_target("TrainingCompleted", data) is None


@pytest.mark.parametrize("value", ["", "x" * (MAX_ID_LENGTH + 1), "a\x00b", "a\nb", "é", 7, None, {"id": 1}])
def test_an_id_is_short_and_printable(value: object) -> None:
    assert usable_id(value) is None
