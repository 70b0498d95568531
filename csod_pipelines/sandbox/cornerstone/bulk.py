"""Bulk API: schema, job, uploads in chunks, and a report that is 404 until the job is through.

Flow and formats: csod.dev bulk pages; keys in snake case and CSV column names as a client's code shows them.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from csod_pipelines.sandbox.cornerstone.bulk_rows import load_row, schema_of, types
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, stamp_b
from csod_pipelines.sandbox.cornerstone.portal import Portal

MOST_IMPORTS = 20
MOST_ROWS = 50_000


@dataclass(slots=True, kw_only=True)
class Import:
    id: str
    type: str
    label: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    loaded: int = 0


@dataclass(slots=True, kw_only=True)
class Job:
    id: str
    label: str
    created: datetime
    imports: list[Import]
    ready: datetime | None = None  # set by the first upload, moved on by each further one
    status: str = "Pending"


def create_schema(portal: Portal, call: Call) -> Answer:
    kind = call.json_object().get("type")
    if kind not in types():
        raise ApiError(400, f"Invalid type {kind}", fields=[("type", [f"Known: {', '.join(types())}"])])
    return Answer(body=schema_of(str(kind)), effects=call.effect())


def create_job(portal: Portal, call: Call) -> Answer:
    body = call.json_object()
    wanted = body.get("imports")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST_IMPORTS or not all(isinstance(item, dict) for item in wanted):
        raise ApiError(400, f"imports must list from 1 to {MOST_IMPORTS} imports", fields=[("imports", ["Invalid imports"])])
    unknown = [item.get("type") for item in wanted if item.get("type") not in types()]
    if unknown:
        raise ApiError(400, f"Invalid type {unknown[0]}", fields=[("type", [f"Known: {', '.join(types())}"])])
    imports = [Import(id=portal.guid(), type=item["type"], label=str(item.get("label") or "")) for item in wanted]
    job = Job(id=portal.guid(), label=str(body.get("label") or ""), created=call.now, imports=imports)
    portal.bulk_jobs[job.id] = job
    return Answer(status=201, body=_shown(job), effects=call.effect("create", kind="bulk_jobs", id=job.id))


def list_jobs(portal: Portal, call: Call) -> Answer:
    jobs = [_shown(job) for job in reversed(portal.bulk_jobs.values())]
    return Answer(body={"timestamp": stamp_b(call.now), "count": len(jobs), "data": jobs[:100]}, effects=call.effect())


def get_job(portal: Portal, call: Call) -> Answer:
    work_off(portal, now=call.now)
    job = portal.bulk_jobs.get(call.params["job"].lower())
    if job is None:
        raise ApiError(404, "Job not found")
    return Answer(body=_shown(job), effects=call.effect())


def upload(portal: Portal, call: Call) -> Answer:
    job, found = _import(portal, call)
    if job.status == "Completed":
        raise ApiError(400, "The job has been processed")
    rows = _read(call)
    if len(found.rows) + len(rows) > MOST_ROWS:
        raise ApiError(400, f"At most {MOST_ROWS} rows are taken in an import")
    found.rows += rows
    job.status = "Processing"
    job.ready = call.now + timedelta(seconds=portal.settings["bulk_delay_seconds"])
    body = {"import_id": found.id, "rows": len(rows)}
    return Answer(status=202, body=body, effects=call.effect("create", kind="bulk_imports", id=found.id))


def report(portal: Portal, call: Call) -> Answer:
    """Lists failing rows only; errors in CSV."""
    work_off(portal, now=call.now)
    job, found = _import(portal, call)
    if job.status != "Completed":
        raise ApiError(404, "The report is not ready")
    out = io.StringIO()
    rows = [] if call.params["document"].lower() == "warnings" else found.errors
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["Errors"]
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return Answer(body=out.getvalue().encode(), headers={"content-type": "text/csv; charset=utf-8"}, effects=call.effect())


def work_off(portal: Portal, *, now: datetime) -> None:
    for job in portal.bulk_jobs.values():
        if job.status == "Processing" and job.ready is not None and job.ready <= now:
            _process(portal, job, now=job.ready)


def _process(portal: Portal, job: Job, *, now: datetime) -> None:
    """Organisation before people, parents before children as far as one pass after another finds them; first row of a key wins."""
    for found in sorted(job.imports, key=lambda item: item.type.startswith("chr.")):
        waiting, seen = [], set()
        for row in found.rows:
            key = str(row.get("UserId") or row.get("ouRefId") or "").strip().casefold()
            if key in seen:
                found.errors.append({**row, "Errors": "Duplicate primary key in the file"})
            else:
                seen.add(key)
                waiting.append(row)
        while waiting:
            failed = []
            for row in waiting:
                error = load_row(portal, found.type, row, now=now)
                if error is None:
                    found.loaded += 1
                else:
                    failed.append({**row, "Errors": error})
            if len(failed) == len(waiting):
                found.errors += failed
                break
            waiting = [{name: value for name, value in row.items() if name != "Errors"} for row in failed]
    job.status = "Completed"


def _import(portal: Portal, call: Call) -> tuple[Job, Import]:
    wanted = call.params["import"].lower()
    for job in portal.bulk_jobs.values():
        for found in job.imports:
            if found.id == wanted:
                return job, found
    raise ApiError(404, "Import not found")


def _read(call: Call) -> list[dict[str, Any]]:
    kind = call.request.headers.get("content-type", "").lower()
    try:
        if "csv" in kind:
            text = call.request.body.decode("utf-8-sig")
            return [{k: v for k, v in row.items() if isinstance(k, str)} for row in csv.DictReader(io.StringIO(text))]
        rows = orjson.loads(call.request.body)
    except (UnicodeDecodeError, csv.Error, orjson.JSONDecodeError) as err:
        raise ApiError(400, "The rows must be UTF-8 CSV or a JSON array", details=str(err)) from err
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ApiError(400, "The rows must be UTF-8 CSV or a JSON array")
    return rows


def _shown(job: Job) -> dict[str, Any]:
    imports = [
        {"import_id": i.id, "type": i.type, "label": i.label, "rows": len(i.rows), "loaded": i.loaded, "errors": len(i.errors)}
        for i in job.imports
    ]
    return {"job_id": job.id, "label": job.label, "status": job.status, "created": stamp_b(job.created), "imports": imports}
