"""What a record may say to those who look at it: text, and nothing that a terminal, a page or a log would obey."""

from __future__ import annotations

import pytest

from csod_pipelines.commands import show
from csod_pipelines.defs.reporting import markdown, one_line

TITLES = (
    "[red]urgent[/red]",
    "[/]",
    "[link=https://evil.example.org]click[/link]",
    "\x1b]0;owned\x07\x1b[2J\x9b31m",
    "first\r\nERROR second",
)


@pytest.mark.parametrize("title", TITLES)
def test_a_title_in_a_table_is_shown_as_it_is_and_moves_no_cursor(capsys: pytest.CaptureFixture[str], title: str) -> None:
    show.table([{"title": title}], empty="")
    show.say(title)
    show.tree({"title": title, "rows": [title]})
    shown = capsys.readouterr().out
    assert not {c for c in shown if not c.isprintable()} - {"\n", "\t"}
    assert shown.count(title) == 4 if title.isprintable() else "\x1b" not in shown


@pytest.mark.parametrize(
    "line",
    [
        "![x](https://evil.example.org/p.png)",
        "[a](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "a\n# Heading",
        "`x` *b* _i_ ~s~",
        "a | b",
    ],
)
def test_a_line_of_a_story_holds_no_markup(line: str) -> None:
    text = markdown([line]).md_str
    assert text is not None and "\n" not in text
    bare = text.removeprefix("- ").replace("\\\\", "")
    for mark in "[]()<>`*_#|!~":
        assert bare.count(mark) == bare.count("\\" + mark), (mark, text)


def test_a_line_of_a_log_is_one_line() -> None:
    assert one_line("first\r\nERROR second\x1b[2J\u2028third") == "first ERROR second [2J third"
