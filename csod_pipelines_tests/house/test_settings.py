from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from csod_pipelines.config import Brake, Config
from csod_pipelines.settings import NEED_ENGINE, NEED_GATEWAY, NEED_NOTHING, PREFIX, SettingsError, load_settings, read_config, variable

ROOT = Path(__file__).parents[2]


def test_every_missing_key_is_named_with_where_it_is_set_and_an_example() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    lines = str(caught.value).splitlines()
    assert len(lines) == len(NEED_ENGINE)
    assert "CSOD_PIPELINES_ADMINISTRATE_AUTH_URL is not set. It is set in the environment, for example" in lines[1]


def test_an_empty_variable_counts_as_missing() -> None:
    with pytest.raises(SettingsError, match="CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY"):
        load_settings({variable(name): "" for name in NEED_GATEWAY}, need=NEED_GATEWAY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAGSTER_PORT", "web"),
        ("DAGSTER_PORT", "70000"),
        ("FEED_SECONDS", "0"),
        ("INSTANCE", "Two Words"),
        ("DATABASE_URL", "mysql://x"),
        ("ADMINISTRATE", "x"),
    ],
)
def test_a_mistyped_key_is_named_and_its_value_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({PREFIX + name: value}, need=NEED_NOTHING)
    assert PREFIX + name in str(caught.value)
    assert "for example" in str(caught.value)
    assert repr(value) not in str(caught.value)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    env = {
        "CSOD_PIPELINES_DATABASE_URL": "postgresql://u:planted-1@h/d",
        "CSOD_PIPELINES_ADMINISTRATE_CLIENT_SECRET": "planted-2",
        "CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET": "planted-3,planted-4",
        "CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY": "planted-5",
    }
    settings = load_settings(env, need=NEED_NOTHING)
    assert "planted" not in repr(settings) + str(settings)
    assert settings.administrate.webhook_secrets == ("planted-3", "planted-4")


def test_each_library_gets_the_driver_it_can_use() -> None:
    env = {
        "CSOD_PIPELINES_DATABASE_URL": "postgresql://u@/d?host=/run",
        "CSOD_PIPELINES_DAGSTER_DATABASE_URL": "postgresql://u@/e?host=/run",
    }
    settings = load_settings(env, need=NEED_NOTHING)
    assert settings.database_url == "postgresql+psycopg://u@/d?host=/run"
    assert settings.dagster_database_url == "postgresql+psycopg2://u@/e?host=/run"


def test_a_port_of_the_sandbox_is_not_taken_for_a_part_of_its_section() -> None:
    settings = load_settings(
        {"CSOD_PIPELINES_ADMINISTRATE_PORT": "0", "CSOD_PIPELINES_ADMINISTRATE_API_URL": "https://x"}, need=NEED_NOTHING
    )
    assert (settings.ports.administrate, settings.administrate.api_url) == (0, "https://x")


def test_an_unknown_key_in_the_file_is_refused_by_its_full_name(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("brakes:\n  deactivation: {count: 1, percent: 1}\n")
    with pytest.raises(SettingsError, match=r"brakes\.deactivation is no setting"):
        read_config(file)


@pytest.mark.parametrize(
    "content",
    [
        "- a",
        "modes: {people_sync: maybe}",
        "brakes: {deactivations: {count: 0, percent: 5}}",
        "a: [",
        "flow: {linger_seconds: x}",
        "enrollment: {historical_offerings: create}",
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"c\.yaml"):
        read_config(file)


def test_a_named_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="CSOD_PIPELINES_CONFIG names"):
        load_settings({"CSOD_PIPELINES_CONFIG": "/nowhere/c.yaml"}, need=NEED_NOTHING)


def keys(model: type[BaseModel], *, path: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        assert field.description, f"{path}{name} has no description"
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner is not Brake:
            found |= keys(inner, path=f"{path}{name}.")
        else:
            found.add(path + name)
    return found


def written(content: dict[str, Any], *, path: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in content.items():
        nested = isinstance(value, dict) and value and set(value) != {"count", "percent"}
        found |= written(value, path=f"{path}{name}.") if nested else {path + name}
    return found


@pytest.fixture(scope="module")
def shipped() -> Path:
    return ROOT / "csod_pipelines.yaml"


def test_the_shipped_example_is_valid_and_names_every_key(shipped: Path) -> None:
    assert written(yaml.safe_load(shipped.read_text())) == keys(Config)
    read_config(shipped)


def test_the_digest_follows_the_values_and_not_how_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("flow:\n  linger_seconds: 60.0\n")
    assert read_config(file).digest == Config().digest
    file.write_text("flow:\n  linger_seconds: 61\n")
    assert read_config(file).digest != Config().digest
