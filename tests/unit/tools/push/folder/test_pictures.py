"""The names that pictures get in the bucket."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from folders import JPEG_HEAD, put
from tonari_tools.push.folder.pictures import scan_folder
from tonari_tools.push.folder.walk import NAMELESS
from tonari_tools.push.joining.locating import Locator

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
NAMES = [
    "Screenshot 2024-01-30 at 10.32.07\u202fAM", "赤い\u3000ドレス", "v\u00a013",
    "\u06a9\u0641\u0634\u200c\u0647\u0627", "👩\u200d🦰", "Hand\u00adtasche",
    "\U0001fae9", "a b", " a", "50%", "a+b", "a?b", "a#b", "a&b", "'", '"', "a\\b", "~a", "\uff11\uff12",
]  # fmt: skip


def read(folder: Path) -> dict[str, dict[str, str]]:
    """Which file each view of each item is."""
    return {
        item.id: {name: path.read_bytes().removeprefix(JPEG_HEAD).decode() for name, path in item.views.items()}
        for item in scan_folder(folder).items()
    }


def test_any_name_is_a_name(tmp_path: Path) -> None:
    put(tmp_path, *(f"{name}.jpg" for name in NAMES), *(f"more/{name}.jpg" for name in NAMES))

    assert read(tmp_path) == {
        **{name: {f"{name}.jpg": f"{name}.jpg"} for name in NAMES},
        "more": {f"{name}.jpg": f"more/{name}.jpg" for name in NAMES},
    }


@pytest.mark.parametrize("name", ["a\n", "a\x1b[2J", "a\x7f", "a\x85", "a\ufffe", "caf\udce9"])
def test_what_no_name_can_be_is_left_out_and_the_others_stay(tmp_path: Path, name: str) -> None:
    found = scan_folder(put(tmp_path, "b.jpg", "x/c.jpg", f"{name}.jpg", f"x/{name}.jpg", f"{name}/d.jpg"))
    assert [item.id for item in found.items()] == ["b", "x"]
    left_out = (f"{name}.jpg", f"x/{name}.jpg", f"{name}/d.jpg")
    assert [*found.passed[NAMELESS]] == sorted(tmp_path / one for one in left_out)


def test_names_are_given_in_nfc(tmp_path: Path) -> None:
    put(tmp_path, f"{NFD}.jpg", f"x/{NFD}.jpg")

    assert read(tmp_path) == {NFC: {f"{NFC}.jpg": f"{NFD}.jpg"}, "x": {f"{NFC}.jpg": f"x/{NFD}.jpg"}}
    assert scan_folder(tmp_path).in_two_forms() == ()


def test_two_files_that_differ_only_in_their_form_are_both_kept(tmp_path: Path) -> None:
    put(tmp_path, f"{NFC}.jpg", f"{NFD}.jpg", f"x/{NFC}.png", f"x/{NFD}.png", f"x/y/{NFD}.png")
    if len(list(tmp_path.glob("*.jpg"))) == 1:
        pytest.skip("this file system takes both for one")

    found = read(tmp_path)

    assert {item: sorted(views.values()) for item, views in found.items()} == {
        NFC: sorted([f"{NFC}.jpg", f"{NFD}.jpg"]),
        "x": sorted([f"x/{NFC}.png", f"x/{NFD}.png", f"x/y/{NFD}.png"]),
    }
    assert set(found["x"]) == {f"x-{NFC}.png", f"x-{NFC}-2.png", f"x-y-{NFC}.png"}
    assert {tuple(path.name for path in pair) for pair in scan_folder(tmp_path).in_two_forms()} == {
        (f"{NFD}.jpg", f"{NFC}.jpg"),
        (f"{NFD}.png", f"{NFC}.png"),
    }


@pytest.mark.parametrize("lies", [f"{NFC}/{NFD}.jpg", f"{NFD}/{NFC}.jpg", f"{NFD}/{NFD}.jpg"])
@pytest.mark.parametrize("asked", [f"{NFC}/{NFC}.jpg", f"{NFD}/{NFD}.jpg", f"{NFC}/{NFD}.jpg"])
def test_a_file_is_found_in_either_form(tmp_path: Path, lies: str, asked: str) -> None:
    put(tmp_path, lies)

    locator = Locator(scan_folder(tmp_path), tmp_path)
    assert locator.find(asked) == tmp_path / lies
    assert not locator.finds(f"x{asked}")
