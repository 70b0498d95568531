"""Secrets, addresses and csod_pipelines.yaml: the only file that reads the environment.

Every variable begins with ``CSOD_PIPELINES_``. Nothing is read at import; ``load_settings`` reads when asked and says,
for each key that is missing or mistyped, its name, where it is set, and an example.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, PrivateAttr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from csod_pipelines.access import AdministrateAccess, CornerstoneAccess
from csod_pipelines.config import Config

PREFIX = "CSOD_PIPELINES_"
DEFAULT_CONFIG_FILE = "csod_pipelines.yaml"

#: What must be set, by who asks. The engine is the default.
NEED_NOTHING: tuple[str, ...] = ()
NEED_DATABASE: tuple[str, ...] = ("database_url",)
NEED_WEBHOOKS: tuple[str, ...] = ("administrate.webhook_secret", "cornerstone.webhook_api_key")
NEED_GATEWAY: tuple[str, ...] = ("gateway_database_url", *NEED_WEBHOOKS)
NEED_ENGINE: tuple[str, ...] = (
    "database_url",
    "administrate.auth_url",
    "administrate.api_url",
    "administrate.client_id",
    "administrate.client_secret",
    "cornerstone.base_url",
    "cornerstone.client_id",
    "cornerstone.client_secret",
)

_EXAMPLES: Mapping[str, str] = {
    "home": ".csod_pipelines",
    "instance": "pilot",
    "config": "/etc/csod_pipelines.yaml",
    "contract": "/etc/csod_pipelines-contract.yaml",
    "feed_seconds": "300",
    "database_url": "postgresql://engine:secret@db.example.org:5432/csod_pipelines",
    "gateway_database_url": "postgresql://gateway:secret@db.example.org:5432/csod_pipelines",
    "auditor_database_url": "postgresql://auditor:secret@db.example.org:5432/csod_pipelines",
    "dagster_database_url": "postgresql+psycopg2://dagster:secret@db.example.org:5432/csod_pipelines_dagster",
    "dagster_port": "3000",
    "gateway_port": "8080",
    "administrate_port": "8081",
    "cornerstone_port": "8082",
    "administrate.auth_url": "https://auth.getadministrate.com/oauth/token",
    "administrate.api_url": "https://api.administrateapp.com/graphql",
    "administrate.client_id": "the id of the API application",
    "administrate.client_secret": "the secret of the API application",
    "administrate.webhook_secret": "a long random word (several, separated by commas, while one is being replaced)",
    "cornerstone.base_url": "https://your-portal.csod.com",
    "cornerstone.client_id": "the id of the API application",
    "cornerstone.client_secret": "the secret of the API application",
    "cornerstone.webhook_api_key": "a long random word (several, separated by commas, while one is being replaced)",
    "cornerstone.actor": "the user id under which learning objects are created",
}


class SettingsError(Exception):
    """A setting is missing or mistyped. The message names the key, where it is set, and an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """0 picks a free one."""

    dagster: int
    gateway: int
    administrate: int
    cornerstone: int


class Settings(BaseSettings):
    """One frozen value of everything the house was told."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = Path(".csod_pipelines")
    instance: str = Field(default="", pattern=r"^([a-z][a-z0-9_]{0,30})?$")
    config_file: Path | None = Field(default=None, validation_alias=PREFIX + "CONFIG")
    contract: Path | None = None
    feed_seconds: float = Field(default=300.0, ge=1, le=86_400)
    database_url: str = Field(default="", repr=False)
    gateway_database_url: str = Field(default="", repr=False)
    auditor_database_url: str = Field(default="", repr=False)
    dagster_database_url: str = Field(default="", repr=False)
    dagster_port: int = Field(default=3000, ge=0, le=65_535)
    gateway_port: int = Field(default=8080, ge=0, le=65_535)
    administrate_port: int = Field(default=8081, ge=0, le=65_535)
    cornerstone_port: int = Field(default=8082, ge=0, le=65_535)
    administrate: AdministrateAccess = AdministrateAccess()
    cornerstone: CornerstoneAccess = CornerstoneAccess()
    _config: Config = PrivateAttr(default_factory=Config)

    @field_validator("database_url", "gateway_database_url", "auditor_database_url")
    @classmethod
    def _psycopg_3(cls, value: str) -> str:
        return _with_driver(value, driver="psycopg")

    @field_validator("dagster_database_url")
    @classmethod
    def _psycopg_2(cls, value: str) -> str:
        # dagster-postgres 0.29 speaks psycopg2 only, and SQLAlchemy 2.1 would pick psycopg 3 for a plain address.
        return _with_driver(value, driver="psycopg2")

    @property
    def config(self) -> Config:
        return self._config

    @property
    def ports(self) -> Ports:
        return Ports(
            dagster=self.dagster_port,
            gateway=self.gateway_port,
            administrate=self.administrate_port,
            cornerstone=self.cornerstone_port,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # load_settings hands the variables in, so that tests need no change of the process


class _GivenVariables(EnvSettingsSource):
    """The variables of a mapping in place of the process's own."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items() if value != ""}
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._variables


def environment() -> dict[str, str]:
    """A copy of the process's variables, for child processes."""
    return dict(os.environ)


def load_settings(env: Mapping[str, str] | None = None, *, need: Sequence[str] = NEED_ENGINE) -> Settings:
    """Settings from ``env`` (default: the process's own variables) and the YAML file it names.

    ``need``: fields that must be set, such as NEED_GATEWAY. Raises SettingsError.
    """
    variables = environment() if env is None else env
    for section in ("administrate", "cornerstone"):
        if variables.get(variable(section)):
            example = variable(f"{section}.client_id")
            raise SettingsError(
                f"{variable(section)} is no setting; those of its section are set in the environment, for example {example}=abc"
            )
    try:
        given = _GivenVariables(Settings, variables)()
        config_file = given.pop(PREFIX + "CONFIG", None) or given.pop("config_file", None)
        settings = Settings(**given, **({PREFIX + "CONFIG": config_file} if config_file else {}))
    except ValidationError as err:
        raise SettingsError("\n".join(_mistyped(row) for row in err.errors(include_url=False))) from err
    require(settings, need)
    settings._config = read_config(settings.config_file)
    return settings


def require(settings: Settings, need: Sequence[str]) -> None:
    """Raises SettingsError, which names each of these fields that is not set."""
    missing = [name for name in need if not _value(settings, name)]
    if missing:
        raise SettingsError("\n".join(_missing(name) for name in missing))


def read_config(path: Path | None) -> Config:
    """The YAML file, or the defaults where there is none. Raises SettingsError."""
    file = path or Path(DEFAULT_CONFIG_FILE)
    if not file.is_file():
        if path is not None:
            raise SettingsError(
                f"{PREFIX}CONFIG names {path}, which is no file. It is set in the environment, for example {DEFAULT_CONFIG_FILE}"
            )
        return Config()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as err:
        raise SettingsError(f"{file} is not valid YAML: {err}") from err
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold sections such as 'scope:', and holds a {type(content).__name__}")
    try:
        return Config.model_validate(content)
    except ValidationError as err:
        raise SettingsError("\n".join(_mistyped_key(row, file=file) for row in err.errors(include_url=False))) from err


def variable(field: str) -> str:
    """The environment variable of a field: ``administrate.auth_url`` -> CSOD_PIPELINES_ADMINISTRATE_AUTH_URL."""
    return PREFIX + field.replace(".", "_").upper()


def _with_driver(url: str, *, driver: str) -> str:
    if not url:
        return url
    scheme, found, rest = url.partition("://")
    if not found or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise ValueError("must be a PostgreSQL address")
    return f"postgresql+{driver}://{rest}"


def _value(settings: Settings, name: str) -> Any:
    found: Any = settings
    for step in name.split("."):
        found = getattr(found, step)
    return found


def _missing(name: str) -> str:
    return f"{variable(name)} is not set. It is set in the environment, for example {variable(name)}={_EXAMPLES[name]}"


def _mistyped(row: Any) -> str:
    """The value itself is not repeated: it may be a secret."""
    name = ".".join(str(step) for step in row["loc"])
    if name.startswith(PREFIX):
        name = name.removeprefix(PREFIX).lower()
    example = f", for example {variable(name)}={_EXAMPLES[name]}" if name in _EXAMPLES else ""
    return f"{variable(name)} is wrong: {row['msg']}. It is set in the environment{example}"


def _mistyped_key(row: Any, *, file: Path) -> str:
    key = ".".join(str(step) for step in row["loc"])
    if row["type"] == "extra_forbidden":
        return f"{file}: {key} is no setting; see the comments of the shipped {DEFAULT_CONFIG_FILE} for those there are"
    return f"{file}: {key} is wrong: {row['msg']} (found {row['input']!r:.80}); the shipped {DEFAULT_CONFIG_FILE} shows an example"
