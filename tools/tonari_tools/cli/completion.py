"""``tonari completion``: the script by which a shell completes commands and options."""

from __future__ import annotations

import rich_click as click
from click.shell_completion import get_completion_class

from tonari_tools.cli.help import examples

VARIABLE = "_TONARI_COMPLETE"


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
