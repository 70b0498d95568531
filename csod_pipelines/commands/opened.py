"""A house for the time of one command, with what goes wrong said in a sentence instead of a trace; and who is asking.

Imports stand inside: a command that needs no house must not pay for one.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from csod_pipelines.commands.context import command_settings
from csod_pipelines.commands.show import Failed
from csod_pipelines.model.keys import Kind

if TYPE_CHECKING:
    from csod_pipelines.runtime import House


@contextmanager
def opened() -> Iterator[House]:
    """The house of the settings that this command was given. Its calls wait a limit out, and leave the reserve to the flows."""
    from csod_pipelines.engine.lanes import lane
    from csod_pipelines.runtime import open_house

    token = lane.set("batch")
    try:
        with in_a_sentence(), open_house(command_settings()) as house:
            yield house
    finally:
        lane.reset(token)


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Raises Failed with what was tried and what to do, or BadParameter for a word that is not known."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from csod_pipelines.engine.errors import FlowStopped
    from csod_pipelines.engine.operate import OperatorError, UnknownWord
    from csod_pipelines.house.hooks import Unreachable
    from csod_pipelines.portal import WrongEnds
    from csod_pipelines.systems.contract import ContractError
    from csod_pipelines.systems.errors import VendorError

    try:
        yield
    except UnknownWord as err:
        raise typer.BadParameter(str(err)) from err
    except (OperatorError, Unreachable, WrongEnds, ContractError, FlowStopped) as err:
        raise Failed(str(err)) from err
    except VendorError as err:
        raise Failed(f"{err}. Try again once the system answers.") from err
    except OperationalError as err:
        raise Failed(f"the database does not answer: {_first_line(err)}. Is the house up, and CSOD_PIPELINES_DATABASE_URL right?") from err
    except ProgrammingError as err:
        said = f"the database has another schema than this version needs: {_first_line(err)}. Run csod-pipelines db migrate."
        raise Failed(said) from err


def _first_line(err: Exception) -> str:
    said = str(getattr(err, "orig", None) or err).strip()
    return said.splitlines()[0][:200] if said else type(err).__name__


def operator() -> str:
    """Who decides, as the operating system knows them; kept with every decision."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def kind_given(word: str) -> Kind:
    """In either system's words. A word that is no kind is wrong usage."""
    from csod_pipelines.engine.tell import kind_of

    try:
        return kind_of(word)
    except ValueError as err:
        raise typer.BadParameter(str(err)) from err
