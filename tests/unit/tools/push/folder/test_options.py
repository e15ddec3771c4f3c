"""What was said of a folder is written as options that say the same."""

from __future__ import annotations

import shlex
import unicodedata
from pathlib import Path

import pytest
import rich_click as click

from tonari_tools.cli.building import takes_reading
from tonari_tools.push.folder.options import BY_DEFAULT, Reading, flags_of


@pytest.mark.parametrize(
    ("how", "flags"),
    [
        (BY_DEFAULT, ""),
        (Reading(folders="classes"), "--folders classes"),
        (Reading(id_columns=("product", "color")), "--id product,color"),
        (
            Reading(Path("my table.csv"), ("Art. Nr",), "Bild", "ignore", skip_bad_rows=True, split_by="Modell"),
            "--metadata 'my table.csv' --id 'Art. Nr' --image Bild --folders ignore --split-by Modell --skip-bad-rows",
        ),
    ],
)
def test_options_say_what_was_said(how: Reading, flags: str) -> None:
    assert flags_of(how) == flags
    assert given(flags) == how


def test_columns_are_named_in_either_normal_form() -> None:
    flags = "--id Größe,Modèle --image Fotografía --split-by Modèle"
    assert given(unicodedata.normalize("NFD", flags)) == given(unicodedata.normalize("NFC", flags))


def given(flags: str) -> Reading:
    """What a command with these options takes."""
    taken: list[Reading] = []

    def take(how: Reading) -> None:
        taken.append(how)

    click.command()(takes_reading(take)).main(shlex.split(flags), standalone_mode=False)
    return taken[0]
