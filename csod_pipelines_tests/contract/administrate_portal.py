"""Administrate over HTTP: a token and GraphQL documents."""

from __future__ import annotations

import base64
from typing import Any

import requests

from csod_pipelines_tests.contract.portals import TIMEOUT_SECONDS, Address, Portal

ERRORS = "errors { label message value }"


def global_id(word: str, number: object) -> str:
    return base64.b64encode(f"{word}:{number}".encode()).decode()


class Administrate(Portal):
    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.login()

    def token(self, **form: str) -> requests.Response:
        given = {"grant_type": "client_credentials", "client_id": self.address.client_id, "client_secret": self.address.client_secret}
        return requests.post(self.address.token_url, data=given | form, timeout=TIMEOUT_SECONDS)

    def login(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.token().json()['access_token']}"

    def send(self, query: str, /, **variables: Any) -> requests.Response:
        """``ERRORS`` in a document stands for what a mutation answers beside its entity."""
        body = {"query": query.replace("ERRORS", ERRORS), "variables": variables}
        return self.http.post(self.address.base_url, json=body, timeout=TIMEOUT_SECONDS)

    def ask(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of a document that must succeed."""
        answer = self.send(query, **variables)
        assert answer.status_code == 200, answer.text
        assert not answer.json().get("errors"), answer.text
        return answer.json()["data"]

    def refused(self, query: str, /, **variables: Any) -> str:
        """The message of a document that cannot run: top-level errors behind a 200."""
        answer = self.send(query, **variables)
        assert answer.status_code == 200, answer.text
        return answer.json()["errors"][0]["message"]

    def nodes(self, query: str, /, **variables: Any) -> list[dict[str, Any]]:
        """The nodes of the one connection that a document asks for."""
        (connection,) = self.ask(query, **variables).values()
        return [edge["node"] for edge in connection["edges"]]

    # ---- the stage, through the public contract

    def root(self) -> str:
        return self.nodes("{ accounts(first: 1) { edges { node { id } } } }")[0]["id"]

    def account(self, name: str = "Sales") -> str:
        query = "mutation ($i: AccountCreateInput!) { account { create(input: $i) { account { id } ERRORS } } }"
        return self.ask(query, i={"name": name})["account"]["create"]["account"]["id"]

    def contact(self, name: str = "Ada", *, account: str | None = None) -> str:
        query = "mutation ($i: ContactCreateInput!) { contact { create(input: $i) { contact { id } ERRORS } } }"
        mails = [{"usage": "primary", "address": f"{name.lower()}@example.org"}]
        person = {"accountId": account or self.root(), "personalName": {"firstName": name, "lastName": "Byron"}, "emailAddresses": mails}
        return self.ask(query, i=person)["contact"]["create"]["contact"]["id"]

    def template(self) -> str:
        return self.nodes("{ courseTemplates(first: 1) { edges { node { id } } } }")[0]["id"]

    def event(self, *, published: bool = True, **more: Any) -> str:
        """A classroom event with its first session."""
        query = "mutation ($i: ClassroomEventCreateInput!) { event { createClassroom(input: $i) { event { id } ERRORS } } }"
        dates = {"classroomStartDateTime": "2026-10-05T09:00:00", "classroomEndDateTime": "2026-10-05T17:00:00"}
        given = {"eventType": "public", "timeZoneName": "Europe/London", "courseTemplateId": self.template(), **dates, **more}
        id = self.ask(query, i=given)["event"]["createClassroom"]["event"]["id"]
        if published:
            self.update_event(id, lifecycleState="published")
        return id

    def update_event(self, id: str, **changes: Any) -> dict[str, Any]:
        query = (
            "mutation ($e: ID!, $i: EventUpdateInput!) { event { update(eventId: $e, input: $i) { event { id lifecycleState } ERRORS } } }"
        )
        return self.ask(query, e=id, i=changes)["event"]["update"]

    def sessions(self, event: str) -> list[dict[str, Any]]:
        query = """query ($e: ID!) { node(id: $e) { ... on Event { sessions {
          edges { node { id title lifecycleState start timeZonedStart location { id } } } } } } }"""
        return [edge["node"] for edge in self.ask(query, e=event)["node"]["sessions"]["edges"]]

    def register(self, event: str, *contacts: str) -> dict[str, Any]:
        query = """mutation ($e: ID!, $i: EventRegisterContactsInput!) { event { registerContacts(eventId: $e, input: $i) {
          learners { id lifecycleState hasPassed contact { id } } ERRORS } } }"""
        return self.ask(query, e=event, i={"contacts": list(contacts)})["event"]["registerContacts"]

    def learner(self, event: str, name: str = "Ada") -> str:
        return self.register(event, self.contact(name))["learners"][0]["id"]

    def store(self, node: str, name: str, value: str, **more: Any) -> str:
        """A document that stores an external id, as text: it is sent by ``ask`` or ``refused``."""
        extra = "".join(f", {key}: {'true' if given else 'false'}" for key, given in more.items())
        return (
            f'mutation {{ externalId {{ store(nodeId: "{node}", name: "{name}", value: "{value}"{extra}) '
            "{ id __typename externalIds { name value } } } }"
        )

    # ---- webhooks

    def hook(self, slug: str, url: str, *, active: bool = True, **more: Any) -> str:
        query = "mutation ($i: WebhookCreateInput!) { webhooks { create(input: $i) { webhook { id lifecycleState } ERRORS } } }"
        asks = "query ($objectid: ID!) { node(id: $objectid) { id __typename } }"
        given = {"webhookTypeId": global_id("WebhookType", slug), "name": slug, "query": asks, "url": url, **more}
        id = self.ask(query, i=given)["webhooks"]["create"]["webhook"]["id"]
        if active:
            self.update_hook(id, lifecycleState="active")
        return id

    def update_hook(self, id: str, **changes: Any) -> dict[str, Any]:
        query = "mutation ($i: WebhookUpdateInput!) { webhooks { update(input: $i) { webhook { id lifecycleState } ERRORS } } }"
        return self.ask(query, i={"webhookId": id, **changes})["webhooks"]["update"]

    def hook_types(self) -> dict[str, str]:
        """Slug to name."""
        nodes = self.nodes("{ webhookTypes(first: 100) { edges { node { id name } } } }")
        return {base64.b64decode(node["id"]).decode().partition(":")[2]: node["name"] for node in nodes}
