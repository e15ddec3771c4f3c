"""Commands that README and docs show can be given, and what they name is there."""

from __future__ import annotations

import re
import shlex
import tomllib

import click
import pytest

from pages import PAGES, ROOT, blocks, inline
from tonari_tools.cli.main import tonari

SHOWN = [
    (f"{block.page}:{block.line}", line)
    for block in blocks(language="")
    for line in block.lines
    if re.match(r"(\.venv/bin/)?tonari ", line)
]
MADE = sorted({found for _, found in inline("make") if " " in found})
MADE += [line for block in blocks(language="") for line in block.lines if line.startswith("make ")]


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = tonari
    while isinstance(command, click.Group) and words:
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_there_are_some() -> None:
    assert len(SHOWN) > 5
    assert len(inline("tonari")) > 20
    assert len(MADE) > 5


@pytest.mark.parametrize(("where", "line"), SHOWN)
def test_a_command_in_a_block_can_be_given_as_it_stands(where: str, line: str) -> None:
    command, rest = find_command(shlex.split(line, comments=True)[1:])
    try:
        command.make_context(where, rest)
    except click.exceptions.Exit:
        assert "--help" in rest


@pytest.mark.parametrize(("page", "found"), sorted(set(inline("tonari"))))
def test_a_command_in_a_text_exists_with_its_options(page: str, found: str) -> None:
    del page
    words = shlex.split(found)[1:]
    if words and words[0].startswith("-"):
        return
    command, rest = find_command([word for word in words if word != "…"])
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known


@pytest.mark.parametrize("line", MADE)
def test_a_target_of_make_exists(line: str) -> None:
    target = shlex.split(line, comments=True)[1]
    makefile = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)


def test_extras_that_are_named_exist() -> None:
    extras = {
        project["name"]: set(project.get("optional-dependencies", {}))
        for folder in (ROOT, ROOT / "tools")
        for project in [tomllib.loads((folder / "pyproject.toml").read_text())["project"]]
    }
    sources = [*PAGES, *(ROOT / "docs").rglob("*.md"), ROOT / "pyproject.toml", ROOT / "tools" / "pyproject.toml"]
    sources += [*(ROOT / "layers" / "engine").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    for page in sources:
        for name, named in re.findall(r"\b(tonari(?:-tools)?)\[([a-z][a-z,-]*)\]", page.read_text()):
            assert set(named.split(",")) <= extras[name], (page, name, named)


def test_the_line_that_installs_names_what_is_there() -> None:
    lines = [line for block in blocks(ROOT / "README.md", language="") for line in block.lines]
    installs = [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("pip install")]
    assert installs == [[".", "./tools"], ["tonari-tools"]]
    for folder in installs[0]:
        assert (ROOT / folder / "pyproject.toml").is_file()


def test_pages_name_files_that_are_there() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
