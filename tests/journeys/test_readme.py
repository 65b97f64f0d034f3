"""The README's worked example does what it says, and what READMEs list is all there is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils.timezone import now

from billing.management import demo
from billing.metering import snapshot
from ledger import chart
from tests.api import Api
from tests.processes import ROOT

README = (ROOT / "README.md").read_text()
_CHANGES = re.compile(r"seconds|rows per second|recomputed in|head of the chain")
_LEFT_OUT = re.compile(r",?\s*…")
_ONE_ID = re.compile(r"(^|_)id$")


def commands() -> Iterator[tuple[list[str], str]]:
    """Read the worked example: each command's words, and what it is said to print."""
    example = README.partition("## A worked example")[2].partition("\n## ")[0]
    for block in re.findall(r"```console\n(.*?)```", example, re.DOTALL):
        for part in block.removeprefix("$ ").split("\n$ "):
            yield taken_apart(part.split("\n"))


def taken_apart(lines: list[str]) -> tuple[list[str], str]:
    """Tell a command, which goes on while a quote is open, from what it prints."""
    for end in range(1, len(lines) + 1):
        with suppress(ValueError):  # no closing quotation
            return shlex.split("\n".join(lines[:end])), "\n".join(lines[end:])
    raise AssertionError(f"a quote is never closed: {lines[0]}")


class Ids:
    """Which of our ids stand for those that the README shows."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}

    def learn(self, shown: str, ours: str) -> None:
        assert self._ours.setdefault(shown, ours) == ours, f"{shown} stands for two"

    def translate(self, path: str) -> str:
        return "/".join(self._ours.get(part, part) for part in path.split("/"))

    def compare(self, shown: Any, ours: Any, name: str = "") -> None:
        """Hold an answer to what the README shows of it."""
        if isinstance(shown, dict):
            for key, value in shown.items():
                assert key in ours, (key, ours)
                self.compare(value, ours[key], key)
        elif isinstance(shown, list):
            assert len(shown) == len(ours), (name, ours)
            for one, other in zip(shown, ours, strict=True):
                self.compare(one, other, name.removesuffix("s"))
        elif isinstance(shown, str) and _ONE_ID.search(name):
            self.learn(shown, ours)
        else:
            assert shown == ours, (name, shown, ours)


@pytest.mark.django_db(transaction=True)
def test_the_worked_example_does_what_the_readme_shows(monkeypatch):
    monkeypatch.chdir(ROOT)
    snapshot.forget()
    chart.forget()
    api, ids = Api(demo.prepare(at=now())), Ids()
    done = 0
    for words, shown in commands():
        if words[0] == "mb":
            ids.compare(json.loads(_LEFT_OUT.sub("", shown)), answer_of(api, ids, words[1:]))
        else:
            assert words[:2] == [".venv/bin/python", "manage.py"]
            assert stays(printed_by(*words[2:])) == stays(shown)
        done += 1
    assert done > 32, "the example was found, with its plan"


def answer_of(api: Api, ids: Ids, words: list[str]) -> Any:
    """Send what curl would send, and return what comes back."""
    path, options = words[0], list(zip(words[1::2], words[2::2], strict=True))
    given = dict(options)
    headers = dict(value.split(": ") for option, value in options if option == "-H")
    path, _, query = path.partition("?")
    answer = api.send(
        given.get("-X", "POST" if "-d" in given else "GET"),
        ids.translate(path) + (f"?{query}" if query else ""),
        given.get("-d", ""),
        headers=headers,
    )
    assert answer.status_code in {200, 201}, answer.content
    return answer.json()


def printed_by(*words: str) -> str:
    printed = StringIO()
    call_command(*words, stdout=printed)
    return printed.getvalue()


def stays(printed: str) -> str:
    """Leave out the lines that differ each time, and how wide the terminal is."""
    return " ".join(
        word
        for line in printed.splitlines()
        if not _CHANGES.search(line)
        for word in line.split()
        if not set(word) <= set("┌┐└┘├┤─┬┴┼")
    )


def test_every_variable_of_the_settings_is_in_the_list():
    listed = (ROOT / "ledger/config/README.md").read_text()
    asked = re.compile(r"env\.(?:text|flag|whole|choice|names)\(\s*\"([A-Z_]+)\"")
    found = {
        name
        for path in (ROOT / "ledger/config").rglob("*.py")
        for name in asked.findall(path.read_text())
    }
    assert "SECRET_KEY" in found
    assert sorted(name for name in found if f"`{name}`" not in listed) == []
    shown = README.partition("## Configuration")[2].partition("\n## ")[0]
    assert sorted(set(re.findall(r"`([A-Z_]{4,})`", shown)) - set(listed.split("`"))) == []


def test_every_purpose_is_in_the_chart_of_accounts():
    listed = (ROOT / "ledger/README.md").read_text()
    assert [purpose for purpose in chart.PURPOSES if f"`{purpose}`" not in listed] == []


def test_every_link_of_a_readme_leads_somewhere():
    for path in [ROOT / "README.md", *ROOT.glob("[a-z]*/README.md"), *ROOT.glob("*/*/README.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert Path(path.parent, target).exists(), (path, target)
