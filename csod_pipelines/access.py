"""How the two vendors are reached and with which secrets. Each secret stands in a variable, or in a file that ``<variable>_FILE``
names: a file may be replaced while we run."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from csod_pipelines.secret_files import SecretFile, several

_FILE = "_file"


def is_loopback(host: str | None) -> bool:
    """Whether all that the name stands for is this machine: 127.0.0.1, ::1, short forms, and names of the hosts file."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else ()
    except OSError:
        return False
    return bool(found) and all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def guarded(url: str) -> str:
    """Secrets and records travel to this address: it must be https, unless it is this machine. Raises ValueError."""
    parts = urlsplit(url)
    if url and parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("must begin with https:// (http:// is for a sandbox on this machine)")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or a password")
    return url


class _Access(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    _files: dict[str, SecretFile] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, given: Any) -> Any:
        """A secret in a file counts as given."""
        if not isinstance(given, dict):
            return given
        files = {name.removesuffix(_FILE): path for name, path in given.items() if name.endswith(_FILE) and path}
        try:
            return {**given, **{name: SecretFile(Path(path)).value for name, path in files.items()}}
        except OSError as err:
            raise ValueError(f"a secret's file cannot be read: {err.strerror}: {err.filename}") from err

    def model_post_init(self, context: Any) -> None:
        for name in type(self).model_fields:
            if name.endswith(_FILE) and (path := getattr(self, name)):
                self._files[name.removesuffix(_FILE)] = SecretFile(path)

    def now(self, name: str) -> Callable[[], str]:
        """The secret as it is when called."""
        file = self._files.get(name)
        return (lambda: file.value) if file is not None else (lambda: getattr(self, name))

    def _words(self, name: str) -> Iterable[str]:
        return self._files.get(name) or several(getattr(self, name))


class AdministrateAccess(_Access):
    """``webhook_secret`` may hold several, separated by commas: all are accepted, the first is given out."""

    auth_url: str = ""
    api_url: str = ""
    client_id: str = ""
    client_secret: str = Field(default="", repr=False)
    client_secret_file: Path | None = None
    webhook_secret: str = Field(default="", repr=False)
    webhook_secret_file: Path | None = None

    @field_validator("auth_url", "api_url")
    @classmethod
    def _guarded(cls, value: str) -> str:
        return guarded(value)

    @property
    def webhook_secrets(self) -> Iterable[str]:
        """Those in force at each iteration."""
        return self._words("webhook_secret")


class CornerstoneAccess(_Access):
    """``webhook_api_key`` may hold several, separated by commas: all are accepted. ``actor``: acting user's id."""

    base_url: str = ""
    client_id: str = ""
    client_secret: str = Field(default="", repr=False)
    client_secret_file: Path | None = None
    webhook_api_key: str = Field(default="", repr=False)
    webhook_api_key_file: Path | None = None
    actor: str = ""

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return guarded(value.rstrip("/"))

    @property
    def webhook_api_keys(self) -> Iterable[str]:
        """Those in force at each iteration."""
        return self._words("webhook_api_key")
