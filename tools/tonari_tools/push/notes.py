"""What the owner of a folder should know about files and rows that are not used, in a sentence each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from tonari_tools.push.folder.first_bytes import EMPTY, READ_FORMATS, UNREAD_PICTURES, UNREADABLE
from tonari_tools.push.folder.pictures import Folder
from tonari_tools.push.folder.walk import ABOVE, AGAIN, AWAY, NAMELESS, NOWHERE, SPECIAL, SYSTEM
from tonari_tools.push.folder.walk import UNREADABLE as CLOSED
from tonari_tools.push.joining.id_columns import DIFFERENT, find_id_columns, is_of_a_picture
from tonari_tools.push.outcome import Material, Outcome
from tonari_tools.push.table.metadata import REMEDIES, Table

SHOWN = 3
MOST_COLUMNS = 10
READ = "JPEG, PNG, WebP and GIF"
_INVISIBLE = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")


def notes_on(material: Material, made: Outcome, others: Mapping[Path, str]) -> Iterator[str]:
    """Say what is not used.

    Parameters
    ----------
    others
        Files that are no pictures by their suffix, with their format by the first bytes.
    """
    folder = material.folder
    yield from tables_not_read(material)
    workbooks = _workbooks(material, others)
    yield from workbooks.values()
    read = material.metadata
    is_read = [path for path in others if read and path.name == read.name and path.samefile(read)]
    kept = {path: name for path, name in others.items() if path not in workbooks and path not in is_read}
    yield from _strange(folder, kept)
    yield from _unfit(folder, made)
    if material.table is not None:
        used = {path for item in made.items for path in item.views.values()} | made.unfit.keys()
        yield from _ignored(
            [image for image in folder.images if image not in used], f"not in {material.table.name}", folder
        )
        yield from _without_values(material.table, made)
        yield from _shared(made, folder)
    yield from made.notes
    yield from _skipped(material, made)
    yield from _in_two_forms(folder)
    yield from _backslashes(folder)
    yield from _passed(folder)


def tables_not_read(material: Material) -> Iterator[str]:
    """Name tables that may have been meant."""
    if material.table is not None:
        return
    folder = material.folder
    beside = [table for table in folder.tables if table.parent == folder.path]
    if len(beside) > 1:
        yield (
            f"{len(beside)} tables are in the folder: {_named(beside, folder)}. None is read: say which with "
            f"--metadata {quote(str(beside[0]))}"
        )
    elif folder.tables:
        yield (
            f"{_count(folder.tables, 'table')} in a subfolder: {_named(folder.tables, folder)}. Not read unless you "
            f"say --metadata {quote(str(folder.tables[0]))}"
        )


def _workbooks(material: Material, others: Mapping[Path, str]) -> dict[Path, str]:
    """Name files beside the pictures that hold a table in another form, if none is read; many are no tables."""
    if material.table is not None or material.folder.tables:
        return {}
    maybe = dict.fromkeys((".json", ".tab"), ": if it is a table of fields, say --metadata {}")
    known = {suffix: f", since it is {remedy}" for suffix, remedy in REMEDIES.items()} | maybe
    found = [path for path in others if path.parent == material.folder.path and path.suffix.lower() in known]
    if len(found) > SHOWN:
        return {}
    return {
        path: f"{_named([path], material.folder)} is not read{known[path.suffix.lower()].format(quote(str(path)))}"
        for path in found
    }


def _strange(folder: Folder, others: Mapping[Path, str]) -> Iterator[str]:
    """Name files whose suffix is no picture's, apart from those whose content is one."""
    misnamed = [path for path, name in others.items() if name in READ_FORMATS]
    unread = [path for path, name in others.items() if name in UNREAD_PICTURES]
    pictures = {*misnamed, *unread}
    yield from _ignored([path for path in others if path not in pictures], "not a picture", folder)
    if misnamed:
        yield (
            f"Not sent: {_count(misnamed, 'picture')} without a picture's suffix: {_named(misnamed, folder)}. Rename "
            f"{_them(misnamed)} to end in {_suffix(others[misnamed[0]])}"
        )
    yield from _unread(unread, others, folder)


def _unfit(folder: Folder, made: Outcome) -> Iterator[str]:
    """Name files that are called pictures and cannot be read as such."""
    by_kind = {
        kind: [path for path, name in made.unfit.items() if name == kind]
        for kind in (EMPTY, UNREADABLE, *UNREAD_PICTURES)
    }
    if empty := by_kind[EMPTY]:
        yield (
            f"Not sent: {_count(empty, 'empty file')}: {_named(empty, folder)}. If a cloud service keeps "
            f"{_them(empty)}, download {_them(empty)} first"
        )
    if closed := by_kind[UNREADABLE]:
        yield (
            f"Not sent: {_count(closed, 'file')} that cannot be read: {_named(closed, folder)}. Check who may read "
            f"{_them(closed)}"
        )
    yield from _unread([path for kind in UNREAD_PICTURES for path in by_kind[kind]], made.unfit, folder)
    wrong = [path for path, name in made.unfit.items() if name not in by_kind]
    if wrong:
        kinds = Counter(made.unfit[path] or "unknown" for path in wrong)
        is_not = "is not a picture" if len(wrong) == 1 else "are not pictures"
        yield (
            f"Not sent: {_count(wrong, 'file')} that {is_not} by content ({_kinds(kinds)}): {_named(wrong, folder)}. "
            f"Download or export {_them(wrong)} again"
        )
    if made.without:
        names = ", ".join(made.without[:SHOWN]) + (", …" if len(made.without) > SHOWN else "")
        has = "has" if len(made.without) == 1 else "have"
        yield f"Left out: {_count(made.without, 'item')} that {has} no other picture: {names}"


def _unread(paths: Sequence[Path], formats: Mapping[Path, str], folder: Folder) -> Iterator[str]:
    if paths:
        kinds = Counter(formats[path] for path in paths)
        yield (
            f"Not sent: {_count(paths, 'picture')} in a format that is not read ({_kinds(kinds)}): "
            f"{_named(paths, folder)}. Read are {READ}: convert {_them(paths)}, with ImageMagick for instance: "
            f"magick mogrify -format jpg *{paths[0].suffix or '.heic'}"
        )


def _without_values(table: Table, made: Outcome) -> Iterator[str]:
    empty = [one.column for one in table.columns_read if one.blanks == len(table.rows)]
    if empty := [column for column in empty if column not in made.used.values()]:
        more = ", …" if len(empty) > MOST_COLUMNS else ""
        yield f"Left out: {_count(empty, 'column')} without any value: {', '.join(empty[:MOST_COLUMNS])}{more}"


def _shared(made: Outcome, folder: Folder) -> Iterator[str]:
    items: dict[Path, list[str]] = {}
    for item in made.items:
        for path in item.views.values():
            items.setdefault(path, []).append(item.id)
    shared = [path for path, ids in items.items() if len(ids) > 1]
    if shared:
        ids = items[shared[0]]
        more = ", …" if len(ids) > SHOWN else ""
        belong = "belongs" if len(shared) == 1 else "belong"
        yield (
            f"{_count(shared, 'picture')} {belong} to several items, such as {_named(shared[:1], folder)} to "
            f"{', '.join(ids[:SHOWN])}{more}: searches find all of them"
        )


def _skipped(material: Material, made: Outcome) -> Iterator[str]:
    if material.table is None:
        return
    if made.skipped:
        rows = " ".join(f"line {row.line}: {row.why}" for row in made.skipped[:SHOWN])
        more = f" … and {len(made.skipped) - SHOWN} more" if len(made.skipped) > SHOWN else ""
        yield f"Left out: {_count(made.skipped, 'row')} of {material.table.name}: {rows}{more}"
    if made.differing:
        columns = ", ".join(f"{name} ({count:,} row{'s' * (count > 1)})" for name, count in made.most_differing())
        better = _better_ids(material, made)
        yield f"Rows of the same item differ in {columns}: the first row of an item is used{better}"


def _better_ids(material: Material, made: Outcome) -> str:
    """Propose columns that make the id, if rows of an item differ in more than what belongs to one picture."""
    further = made.rows - len(made.items)
    told = [
        name for name, count in made.differing.items() if count >= DIFFERENT * further and not is_of_a_picture(name)
    ]
    if not told or material.table is None:
        return ""
    columns = [column for column in material.table.columns if column != made.used.get("image")]
    found = ",".join(find_id_columns([row.texts for row in material.table.rows], columns))
    return f". If these are different items: --id {quote(found)}" if found else ""


def _in_two_forms(folder: Folder) -> Iterator[str]:
    pairs = folder.in_two_forms()
    if pairs:
        one, other = pairs[0]
        yield (
            f"{_count(pairs, 'pair')} of pictures whose names differ only in how Unicode writes an accent (NFC, NFD): "
            f"{_named([one], folder)} ({str(one.name)!a} and {str(other.name)!a}). Both are sent, as pictures of one "
            "item: rename one if they are two items"
        )


def _backslashes(folder: Folder) -> Iterator[str]:
    if names := [image for image in folder.images if "\\" in image.name]:
        yield (
            f"{_count(names, 'picture')} with a backslash in the name: {_named(names, folder)}. If these are folders "
            "in an archive made on Windows, unpack it again with 7-Zip"
        )


def _passed(folder: Folder) -> Iterator[str]:
    """Say what was not looked into, apart from what systems and programs keep only if it is a link or closed."""
    texts = {
        NOWHERE: ("1 link that leads nowhere", "links that lead nowhere"),
        AGAIN: ("1 link to a folder that is read already", "links to folders that are read already"),
        ABOVE: ("1 link to a folder that holds this one", "links to folders that hold this one"),
        CLOSED: ("1 folder that cannot be read", "folders that cannot be read"),
        SPECIAL: ("1 pipe, socket or device", "pipes, sockets or devices"),
        AWAY: ("1 file that is only in iCloud", "files that are only in iCloud"),
    }
    for why, (one, many) in texts.items():
        if paths := folder.passed.get(why):
            yield f"Skipped {one if len(paths) == 1 else f'{len(paths)} {many}'}: {_named(paths, folder)}"
    if nameless := folder.passed.get(NAMELESS):
        yield (
            f"Not sent: {_count(nameless, 'picture')} whose name or folder has a control character or is not UTF-8: "
            f"{_named(nameless, folder)}. Rename {_them(nameless)}"
        )
    if kept := folder.passed.get(SYSTEM):
        names = Counter(_visible(path.name) for path in kept)
        shown = ", ".join(name if times == 1 else f"{name} ({times})" for name, times in names.most_common(SHOWN + 2))
        more = ", …" if len(names) > SHOWN + 2 else ""
        yield f"Skipped what is hidden or kept by a system or program: {shown}{more}"


def _ignored(files: Sequence[Path], why: str, folder: Folder) -> Iterator[str]:
    if files:
        many = why.replace("not a picture", "not pictures")
        what = f"1 file that is {why}" if len(files) == 1 else f"{len(files)} files that are {many}"
        yield f"Ignored {what}: {_named(files, folder)}"


def _named(files: Sequence[Path], folder: Folder) -> str:
    shown = (file.relative_to(folder.path) if file.is_relative_to(folder.path) else file for file in files[:SHOWN])
    return ", ".join(_visible(str(one)) for one in shown) + (", …" if len(files) > SHOWN else "")


def _visible(name: str) -> str:
    """Write control characters, and bytes that are no UTF-8, as escapes."""
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), name)


def _kinds(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" if len(kinds) > 1 else kind for kind, count in kinds.most_common())


def _count(files: Sequence[object], what: str) -> str:
    return f"1 {what}" if len(files) == 1 else f"{len(files)} {what}s"


def _them(files: Sequence[object]) -> str:
    return "it" if len(files) == 1 else "them"


def _suffix(name: str) -> str:
    return {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}.get(name, ".jpg")
