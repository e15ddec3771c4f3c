"""What all help pages have alike, and the script by which a shell completes commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import rich_click as click
from click.shell_completion import get_completion_class

VARIABLE = "_TONARI_COMPLETE"
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


@click.command(
    epilog=examples(
        'eval "$(tonari completion bash)"    # in ~/.bashrc; zsh: in ~/.zshrc',
        "tonari completion fish > ~/.config/fish/completions/tonari.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.RichContext, shell: str) -> None:
    """Print a script that lets a shell complete commands and options."""
    root = context.find_root()
    chosen = get_completion_class(shell)
    if chosen is not None:
        click.echo(chosen(root.command, {}, "tonari", VARIABLE).source())
