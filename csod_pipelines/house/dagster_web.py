"""Dagster's own web API, as far as the house needs it: is everything up, launch a job, look at runs, end them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_SECONDS = 30.0
ACTIVE = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
ENDED_WELL = "SUCCESS"

_READY = """{
  workspaceOrError { __typename ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    __typename ... on RepositoryLocation { repositories { name } } ... on PythonError { message } } } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
}"""
_RUNS = """query Runs($filter: RunsFilter, $limit: Int) { runsOrError(filter: $filter, limit: $limit) {
  __typename ... on Runs { results { runId jobName status } } ... on PythonError { message } } }"""
_LAUNCH = """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } ... on PipelineNotFoundError { message } } }"""
_TERMINATE = """mutation End($ids: [String!]!) { terminateRuns(runIds: $ids, terminatePolicy: SAFE_TERMINATE) { __typename } }"""
_TOLD = """query Told($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on MaterializationEvent { __typename assetKey { path } partition metadataEntries { ...shown } }
  ... on ObservationEvent { __typename assetKey { path } partition metadataEntries { ...shown } } } } } }
fragment shown on MetadataEntry { label ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr }
  ... on IntMetadataEntry { intRepr } ... on FloatMetadataEntry { floatValue } ... on TableMetadataEntry { table { records } } }"""
_ERROR = """query Why($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on RunFailureEvent { message error { message } } ... on ExecutionStepFailureEvent { stepKey error { message } } } } } }"""


class DagsterRefused(Exception):
    """Dagster answered, and not with what was asked for."""


@dataclass(frozen=True, slots=True)
class Run:
    id: str
    job: str
    status: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a run says of one asset (and partition): ``materialized`` False is an observation, as plans leave it."""

    asset: str
    partition: str | None
    materialized: bool
    metadata: dict[str, Any]


class DagsterWeb:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()

    def query(self, document: str, **variables: Any) -> Any:
        answer = self._session.post(f"{self.url}/graphql", json={"query": document, "variables": variables}, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        body = answer.json()
        if body.get("errors"):
            raise DagsterRefused(body["errors"][0].get("message", "GraphQL error"))
        return body["data"]

    def missing(self) -> str | None:
        """What is not up yet, or None. Raises DagsterRefused when the definitions cannot be loaded."""
        try:
            data = self.query(_READY)
        except requests.RequestException:
            return "the web server"
        for entry in data["workspaceOrError"].get("locationEntries", ()):
            loaded = entry["locationOrLoadError"]
            if entry["loadStatus"] != "LOADED" or loaded is None:
                return "the definitions"
            if loaded["__typename"] != "RepositoryLocation":
                raise DagsterRefused(f"the definitions cannot be loaded: {loaded.get('message', loaded['__typename'])}")
        if not data["workspaceOrError"].get("locationEntries"):
            return "the definitions"
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        late = [row["daemonType"] for row in daemons if row["required"] and not row["healthy"]]
        return f"the daemon ({', '.join(late)})" if late else None

    def selector(self) -> dict[str, str]:
        """The one code location and its repository."""
        entry = self.query(_READY)["workspaceOrError"]["locationEntries"][0]
        return {"repositoryLocationName": entry["name"], "repositoryName": entry["locationOrLoadError"]["repositories"][0]["name"]}

    def launch(self, job: str, *, config: Mapping[str, Any], partition: str | None = None) -> str:
        """Queue a run; returns its id."""
        tags = {"dagster/partition": partition} if partition else {}
        params = {
            "selector": {**self.selector(), "pipelineName": job},
            "runConfigData": dict(config),
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self.query(_LAUNCH, params=params)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            why = answer.get("message") or "; ".join(row["message"] for row in answer.get("errors", ())) or answer["__typename"]
            raise DagsterRefused(f"{job} was not launched: {why}")
        return answer["run"]["runId"]

    def runs(self, *, statuses: Sequence[str] | None = None, ids: Sequence[str] | None = None, limit: int = 1_000) -> list[Run]:
        wanted = {"statuses": list(statuses)} if statuses else {}
        if ids is not None:
            wanted["runIds"] = list(ids)
        answer = self.query(_RUNS, filter=wanted, limit=limit)["runsOrError"]
        if answer["__typename"] != "Runs":
            raise DagsterRefused(answer.get("message", answer["__typename"]))
        return [Run(row["runId"], row["jobName"], row["status"]) for row in answer["results"]]

    def run(self, id: str) -> Run:
        found = self.runs(ids=[id])
        if not found:
            raise DagsterRefused(f"run {id} is unknown")
        return found[0]

    def told(self, id: str) -> list[Told]:
        """Materializations and observations of a run, with their metadata: numbers, texts, and tables as lists of rows."""
        events = self.query(_TOLD, id=id)["logsForRun"].get("events", ())
        return [
            Told(
                asset=event["assetKey"]["path"][-1],
                partition=event["partition"],
                materialized=event["__typename"] == "MaterializationEvent",
                metadata={entry["label"]: _value(entry) for entry in event["metadataEntries"]},
            )
            for event in events
            if event
        ]

    def why_failed(self, id: str) -> str:
        rows = self.query(_ERROR, id=id)["logsForRun"].get("events", ())
        texts = [(row.get("error") or {}).get("message") or row.get("message") for row in rows if row]
        return next((text.strip() for text in texts if text), "no error was recorded")

    def runs_by_job(self) -> dict[str, int]:
        return dict(sorted(Counter(run.job for run in self.runs()).items()))

    def end(self, runs: Sequence[Run]) -> None:
        if runs:
            self.query(_TERMINATE, ids=[run.id for run in runs])


def _value(entry: Mapping[str, Any]) -> Any:
    if "table" in entry:
        return [json.loads(record) for record in entry["table"]["records"]]
    if "intRepr" in entry:
        return int(entry["intRepr"])
    return next((entry[name] for name in ("text", "mdStr", "floatValue") if name in entry), None)
