"""What the house itself says about the story: every operation with both ids, its request, its answer, its outcome."""

from __future__ import annotations

from csod_pipelines.house.story.stage import Row, Stage, expect
from csod_pipelines.model.outcomes import Disposition

TOLD = (("course template", "template"), ("event", "event"), ("contact", "contact"), ("learner", "learner"), ("contact", "hired"),
        ("contact", "created"))  # fmt: skip


def ledger_tells_it(stage: Stage) -> str:
    """The ledger shows each of these operations with both ids, request, answer and outcome"""
    told = 0
    for word, name in TOLD:
        record = stage.memory[name]
        rows: list[Row] = stage.command("trace", word, record["id"])["rows"]
        writes = [row for row in rows if row["outcome"] == "success" and row["request"]]
        expect(bool(writes), f"the ledger tells nothing of {word} {record['legacy_id']}", rows)
        for row in writes:
            expect(bool(row["administrate"] and row["cornerstone"]), "an operation lacks an id", row)
            expect(row["answer"].startswith("2"), "an operation counts as done without a good answer", row)
        told += len(writes)
    learner = stage.command("trace", "learner", stage.memory["learner"]["id"])["rows"]
    expect(len(learner) >= 2, "the learner's registration and withdrawal are not both told", learner)
    return f"{told} operations of {len(TOLD)} records"


def nothing_is_left(stage: Stage) -> str:
    """Nothing waits, nothing is parked, nothing failed, and every delivery has its one end"""
    status = stage.until("every change has been settled", lambda: _quiet(stage), seen=lambda: stage.command("status"))
    operations = status["operations"]
    expect(not operations.get("failure") and not operations.get("unknown"), "operations failed", operations)
    stage.memory["status"] = status
    ends = ", ".join(f"{count} {name}" for name, count in sorted(status["deliveries"].items()))
    return f"deliveries: {ends}"


def _quiet(stage: Stage) -> Row | None:
    status: Row = stage.command("status")
    expect(not status["parked"], "records are parked", status["parked"])
    waiting = sum(flow["ready"] + flow["in_work"] for flow in status["flows"].values())
    known = {disposition.value for disposition in Disposition}
    return status if not waiting and set(status["deliveries"]) <= known else None
