"""What is found in a folder: files, links that are followed once, and what is passed over."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from folders import put
from tonari.errors import InvalidCatalogueError
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.folder.walk import ABOVE, AGAIN, NOWHERE, SPECIAL, SYSTEM, UNREADABLE, walk
from tonari_tools.push.local_catalogue import read_catalogue
from tonari_tools.push.preview import show_preview

NOBODY = 65534


def found(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in walk(folder).files]


def passed(folder: Path, why: str) -> list[str]:
    return [str(path.relative_to(folder)) for path in walk(folder).passed.get(why, ())]


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root may read everything: become somebody who may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    "name",
    [
        "@eaDir/p0.jpg/SYNOPHOTO_THUMB_M.jpg",
        "deep/@eaDir/x.jpg",
        "@SynoResource/x.jpg",
        "#recycle/x.jpg",
        "#snapshot/x.jpg",
        "@Recycle/x.jpg",
        "@__thumb/s100x.jpg",
        "$RECYCLE.BIN/S-1-5/x.jpg",
        "$Recycle.Bin/x.jpg",
        "System Volume Information/x.jpg",
        "lost+found/x.jpg",
        "LOST.DIR/x.jpg",
        "__MACOSX/q.jpg",
        "__MACOSX/._q.jpg",
        ".Trash-1000/files/x.jpg",
        ".Trashes/x.jpg",
        ".thumbnails/x.png",
        ".AppleDouble/x.jpg",
        ".picasaoriginals/x.jpg",
        "Catalog Previews.lrdata/0/x.jpg",
        "Photos Library.photoslibrary/derivatives/x.jpeg",
        "._p0.jpg",
        ".hidden.jpg",
        "Thumbs.db",
        "desktop.ini",
        ".DS_Store",
        "Icon\r",
    ],
)
def test_what_systems_and_programs_keep_is_no_item(tmp_path: Path, name: str) -> None:
    put(tmp_path, "p0.jpg", name)
    catalogue = read_catalogue(tmp_path)
    assert [item.id for item in catalogue.items] == ["p0"]
    (note,) = catalogue.notes
    assert note.startswith("Skipped what is hidden or kept by a system or program: ")


def test_names_that_only_look_alike_are_folders_of_people(tmp_path: Path) -> None:
    put(tmp_path, "recycled glass/1.jpg", "lost and found/1.jpg", "@home/1.jpg", "#1/1.jpg")
    assert [item.id for item in read_catalogue(tmp_path).items] == ["#1", "@home", "lost and found", "recycled glass"]


def test_all_that_is_passed_over_is_counted_in_one_note(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "a/@eaDir/1.jpg", "b/1.jpg", "b/@eaDir/1.jpg", "#recycle/2.jpg")
    assert read_catalogue(tmp_path).notes == (
        "Skipped what is hidden or kept by a system or program: @eaDir (2), #recycle",
    )


def test_a_linked_folder_is_followed_and_its_pictures_keep_the_name_of_the_link(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "1.jpg", "2.jpg")
    put(tmp_path / "goods", "own.jpg")
    (tmp_path / "goods" / "linked").symlink_to(tmp_path / "elsewhere")
    catalogue = read_catalogue(tmp_path / "goods")
    assert {item.id: [*item.views] for item in catalogue.items} == {"linked": ["1.jpg", "2.jpg"], "own": ["own.jpg"]}
    assert catalogue.notes == ()


def test_a_folder_is_read_once_however_many_links_lead_to_it(tmp_path: Path) -> None:
    put(tmp_path, "z/1.jpg", "elsewhere/2.jpg")
    folder = put(tmp_path / "z", "1.jpg")
    (folder / "a link to itself").symlink_to(folder)
    (folder / "b").symlink_to("../elsewhere")
    (folder / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    assert found(folder) == ["1.jpg", "b/2.jpg"]
    assert passed(folder, AGAIN) == ["a link to itself", "b/back", "c"]


def test_the_folder_itself_comes_before_links_to_it(tmp_path: Path) -> None:
    put(tmp_path, "real/1.jpg")
    (tmp_path / "a").symlink_to("real")
    assert found(tmp_path) == ["real/1.jpg"]
    assert passed(tmp_path, AGAIN) == ["a"]
    assert read_catalogue(tmp_path).notes == ("Skipped 1 link to a folder that is read already: a",)


def test_a_link_does_not_lead_out_to_what_lies_around_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "goods/1.jpg", "private/2.jpg")
    (tmp_path / "goods" / "up").symlink_to("..")
    assert found(tmp_path / "goods") == ["1.jpg"]
    assert passed(tmp_path / "goods", ABOVE) == ["up"]


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    (tmp_path / "gone.jpg").symlink_to("never.jpg")
    (tmp_path / "circle").symlink_to("circle")
    assert passed(tmp_path, NOWHERE) == ["circle", "gone.jpg"]
    assert read_catalogue(tmp_path).notes == ("Skipped 2 links that lead nowhere: circle, gone.jpg",)


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/original.jpg", "goods/b.jpg")
    (tmp_path / "goods" / "a.jpg").symlink_to(tmp_path / "elsewhere" / "original.jpg")
    assert [item.id for item in read_catalogue(tmp_path / "goods").items] == ["a", "b"]


def test_the_folder_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert found(tmp_path / "link") == ["a.jpg"]


def test_what_is_only_in_the_cloud_is_named_as_its_owner_knows_it(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", ".b.jpg.icloud", ".c.jpg.icloud", ".icloud")
    assert "Skipped 2 files that are only in iCloud: b.jpg, c.jpg" in read_catalogue(tmp_path).notes


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "to the pipe.jpg").symlink_to("pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(tmp_path)
        try:
            listener.bind("socket.jpg")
        finally:
            os.chdir(here)
        assert found(tmp_path) == ["a.jpg"]
        assert passed(tmp_path, SPECIAL) == ["pipe.jpg", "socket.jpg", "to the pipe.jpg"]


def test_what_may_not_be_read_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = put(Path(name) / "goods", "a.jpg", "closed.jpg", "locked/b.jpg")
        for path in (folder.parent, folder):
            path.chmod(0o755)
        (folder / "closed.jpg").chmod(0)
        (folder / "locked").chmod(0)
        with as_somebody_else():
            assert passed(folder, UNREADABLE) == ["locked"]
            catalogue = read_catalogue(folder)
        assert [item.id for item in catalogue.items] == ["a"]
        assert catalogue.notes == (
            "Not sent: 1 file that cannot be read: closed.jpg. Check who may read it",
            "Left out: 1 item that has no other picture: closed",
            "Skipped 1 folder that cannot be read: locked",
        )
        folder.chmod(0)
        with as_somebody_else(), pytest.raises(InvalidCatalogueError, match="cannot be read: Permission denied"):
            read_catalogue(folder)
        folder.chmod(0o755)
        (folder / "locked").chmod(0o755)


def test_names_that_no_terminal_can_show_are_named_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "a.jpg")
    for name in (b"latin \xe4.txt", b"two\nlines.txt", b"red \x1b[31m.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"text")
    show_preview(read_catalogue(tmp_path))
    note = capsys.readouterr().err
    names = r"latin \udce4.txt, red \x1b[31m.txt, two\nlines.txt"
    assert note == f"tonari: Ignored 3 files that are not pictures: {names}\n"


def test_names_that_differ_in_case_are_two(tmp_path: Path) -> None:
    put(tmp_path, "A.jpg", "a.JPG", "B/1.jpg", "b/1.jpg")
    assert [item.id for item in read_catalogue(tmp_path, Reading()).items] == ["A", "B", "a", "b"]


def test_hidden_is_what_lies_below_the_folder_not_the_way_to_it(tmp_path: Path) -> None:
    folder = put(tmp_path / ".cache" / "@eaDir", "a.jpg")
    assert found(folder) == ["a.jpg"]
    assert passed(folder, SYSTEM) == []
