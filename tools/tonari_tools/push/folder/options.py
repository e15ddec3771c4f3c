"""What the owner of a folder says about it: where its table is, which columns make the id, what its subfolders mean."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tonari.contract.normal_form import nfc

Folders = Literal["items", "classes", "ignore"]
FOLDERS: tuple[Folders, ...] = get_args(Folders)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a folder of pictures is read.

    Parameters
    ----------
    metadata
        A table of fields; the only one in the folder unless given.
    id_columns
        Columns that make the id: what is in them, joined by ``-``. Unless given, the column ``id``, else the picture's
        place.
    image_column
        The column that names the pictures; empty where its name is one of those that are known.
    folders
        Whether a subfolder is an item with several views, a class whose pictures are items, or means nothing; None
        where nothing is said.
    skip_bad_rows
        Whether rows that cannot be used are left out; otherwise nothing is read.
    split_by
        The field that variants of one product share, for ``schema.json``; empty where nothing is said.
    """

    metadata: Path | None = None
    id_columns: tuple[str, ...] = ()
    image_column: str = ""
    folders: Folders | None = None
    skip_bad_rows: bool = False
    split_by: str = ""


BY_DEFAULT = Reading()


def flags_of(how: Reading) -> str:
    """Write what was said as options of the command line.

    >>> flags_of(Reading(id_columns=("product", "color")))
    '--id product,color'
    """
    options = {
        "--metadata": str(how.metadata or ""),
        "--id": ",".join(how.id_columns),
        "--image": how.image_column,
        "--folders": how.folders or "",
        "--split-by": how.split_by,
    }
    given = [part for name, value in options.items() if value for part in (name, value)]
    return shlex.join([*given, *(["--skip-bad-rows"] if how.skip_bad_rows else [])])


def split_columns(names: str | None) -> tuple[str, ...]:
    """Read ``COLUMN[,COLUMN]``; names are given in NFC, as those of columns are."""
    return tuple(nfc(name.strip()) for name in names.split(",")) if names else ()
