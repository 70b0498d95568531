"""What the house itself says about the story: every operation with both ids, its request, its answer, its outcome."""

from __future__ import annotations

from csod_pipelines.house.story.results import results_still_stand
from csod_pipelines.house.story.stage import Row, Stage, expect
from csod_pipelines.model.outcomes import Disposition

TOLD = (("course template", "template"), ("event", "event"), ("contact", "contact"), ("learner", "learner"), ("contact", "hired"),
        ("contact", "created"))  # fmt: skip


def ledger_tells_it(stage: Stage) -> str:
    """The ledger shows each of these operations with both ids, request, answer and outcome"""
    told = 0
    for word, name in TOLD:
        record = stage.memory[name]
        rows = stage.trace(word, record["id"])
        writes = [row for row in rows if row["outcome"] == "success" and row["request"]]
        expect(bool(writes), f"the ledger tells nothing of {word} {record['legacy_id']}", rows)
        for row in writes:
            expect(bool(row["administrate"] and row["cornerstone"]), "an operation lacks an id", row)
            expect(row["answer"].startswith("2"), "an operation counts as done without a good answer", row)
        told += len(writes)
    learner = stage.trace("learner", stage.memory["learner"]["id"])
    expect(len(learner) >= 2, "the learner's registration and withdrawal are not both told", learner)
    return f"{told} operations of {len(TOLD)} records"


def failure_is_told(stage: Stage) -> str:
    """The pass that did not count is a failure in the ledger and on its run, with Cornerstone's status and the parts"""
    learner = stage.memory["partly"]
    rows = stage.trace("learner", learner["id"])
    failures = [row for row in rows if row["outcome"] == "failure"]
    expect(len(failures) == 1, "the ledger holds another number of failures", rows)
    why = failures[0]["reason"]
    expect("Incomplete" in why and "1 of 2 parts attended, 2 required" in why, "the reason names neither status nor parts", why)
    flow = stage.dagster.run(failures[0]["run"]).job
    stage.command("pause", flow, "--why", "its run is asked for its table now and not when it has lingered")
    stage.run_ends(failures[0]["run"], job=flow)
    stage.command("resume", flow)
    table = [row for told in stage.dagster.told(failures[0]["run"]) for row in told.metadata.get("operations") or ()]
    shown = [row for row in table if row["outcome"] == "failure"]
    expect([row["administrate"] for row in shown] == [f"learner result {learner['legacy_id']}"], "its run does not show it", table)
    expect(shown[0]["reason"].startswith(why), "its run gives another reason", shown)
    return why


def commands_tell_it(stage: Stage) -> str:
    """`trace learner` tells that learner's story in plain sentences; `plan --all` finds nothing to write"""
    told = stage.command("trace", "learner", str(stage.memory["partly"]["legacy_id"])).splitlines()
    for words in ("The session roster shows the registration", "A pass was sent, and Cornerstone kept Incomplete", "What to do"):
        expect(any(words in line for line in told), f"the story does not say: {words}", told)
    stage.command("plan", "--all")
    return f"{len(told)} sentences; the plan is empty"


def nothing_is_left(stage: Stage) -> str:
    """Nothing waits, nothing is parked, nothing else failed, no learner was written to, and every delivery has its one end"""
    status = stage.until("every change has been settled", lambda: _quiet(stage), seen=stage.status)
    operations = status["operations"]
    expect(operations.get("failure") == 1 and not operations.get("unknown"), "more failed than the one pass", operations)
    results_still_stand(stage)
    expect(not stage.letters(), "learners were written to", stage.letters())
    stage.memory["status"] = status
    ends = ", ".join(f"{count} {name}" for name, count in sorted(status["deliveries"].items()))
    return f"deliveries: {ends}"


def _quiet(stage: Stage) -> Row | None:
    status = stage.status()
    expect(not status["parked"], "records are parked", status["parked"])
    waiting = sum(flow["ready"] + flow["in_work"] for flow in status["flows"].values())
    known = {disposition.value for disposition in Disposition}
    return status if not waiting and set(status["deliveries"]) <= known else None
