"""What all help pages have alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import rich_click as click

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "rich_help_config": {"text_markup": "ansi", "theme": "default-slim"},
}


def examples(*lines: str) -> str:
    """Lay out command lines to stand below a help page."""
    return "\n\n".join(["Examples:", *(f"$ {line}" for line in lines)])


def panels(commands: Mapping[str, Sequence[click.Command]]) -> list[click.RichCommandPanel]:
    """Group commands under titles, in their order."""
    return [
        click.RichCommandPanel(title, commands=[command.name or "" for command in group])
        for title, group in commands.items()
    ]
