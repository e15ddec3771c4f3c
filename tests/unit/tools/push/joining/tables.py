"""Folders and tables as people have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.pictures import LocalItem, scan_folder
from tonari_tools.push.joining.join import Join
from tonari_tools.push.table.metadata import read_table


def join(
    folder: Path,
    text: str,
    *,
    ids: Sequence[str] = (),
    image: str = "",
    skip: bool = False,
    name: str = "items.csv",
) -> Join:
    """Write a table into a folder and join both."""
    (folder / name).write_text(text, encoding="utf-8", newline="")
    how = Reading(folder / name, tuple(ids), image, None, skip)
    return Join(scan_folder(folder), read_table(folder / name), folder, how)


def views(items: Sequence[LocalItem]) -> dict[str, list[str]]:
    """Give the names of the pictures by item."""
    return {item.id: [*item.views] for item in items}
