"""What README and the pages under docs show: blocks of commands, programs and answers, and commands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A block of a page, with the language that it says, if any."""

    page: str
    line: int
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """Give its lines, continued ones joined."""
        return self.text.replace("\\\n", " ").splitlines()


def blocks(*pages: Path, language: str) -> list[Block]:
    return [block for page in pages or PAGES for block in _blocks(page) if block.language == language]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Block(page.name, text[: found.start()].count("\n") + 1, found.group(1), found.group(2))


def inline(program: str) -> list[tuple[str, str]]:
    """Give page and command of each command of a program that stands in a text."""
    pattern = re.compile(rf"`((?:\.venv/bin/)?{program}(?: [^`]+)?)`")
    return [(page.name, found) for page in PAGES for found in pattern.findall(page.read_text(encoding="utf-8"))]
