"""Whatever a key is, file systems take its names, they stay within the folder, and the key is read back from them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.storage.folder_files import key_by_hand, key_of, may_be_by_hand, name_without_letters, names_of

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
PIECES = st.lists(
    st.sampled_from(
        ["/", "..", ".", "%", "%25", "%41", "%2E", "con", "NUL", ".tonari", "a", "A", "é", "%+", " ", "lpt1."]
    ),
    min_size=1,
    max_size=8,
).map("".join)
DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in "0123456789")}
HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "./a",
    "a//b",
    "a/",
    "C:\\Windows\\x",
    "C:x",
    "\\\\server\\share",
    "a\x00b",
    "NUL",
    "con.txt",
    "Lpt1.tar.gz",
    "trailing. ",
    "trailing.",
    ".tonari/secret",
    "x" * 1000,
    "é" * 500,
    ":" * 300,
    "images/x?y=1*.png",
]


def sound(name: str) -> bool:
    """Tell whether Linux, macOS and Windows all take a name."""
    stem = name.partition(".")[0].lower()
    clean = not re.search(r'[\x00-\x1f"*/:<>?\\|]', name) and name[-1] not in ". "
    return clean and stem not in DEVICES and len(name.encode()) <= 255


@given(st.one_of(KEYS, PIECES))
def test_a_key_is_read_back(key: str) -> None:
    names = names_of(key)
    assert key_of(names) == key
    assert all(sound(name) for name in names), names


@pytest.mark.parametrize("key", HOSTILE, ids=range(len(HOSTILE)))
def test_no_key_leaves_the_folder(key: str) -> None:
    names = names_of(key)
    assert key_of(names) == key
    assert all(sound(name) for name in names), names
    assert names[0] != ".tonari"
    for pure in (PurePosixPath("/top"), PureWindowsPath("D:/top")):
        path = pure.joinpath(*names)
        assert path.is_relative_to(pure)
        assert path.parts[len(pure.parts) :] == names


@pytest.mark.parametrize("key", ["images/Vue é 1/front (2).jpg", "50% off/a%20b+c&d=e.png", "items/日本.json", "a%2"])
def test_ordinary_names_stay_as_they_are(key: str) -> None:
    assert "/".join(names_of(key)) == key


SEGMENTS = PIECES.filter(lambda text: "/" not in text)


@given(SEGMENTS, SEGMENTS)
def test_names_without_letters_differ_where_case_is_lost(one: str, other: str) -> None:
    name = name_without_letters(one)
    assert key_of([name]) == one
    assert (one == other) is (name.casefold() == name_without_letters(other).casefold())


def test_a_needless_escape_is_its_own_name() -> None:
    assert key_of(["%25.jpg"]) is None
    assert key_by_hand(["%25.jpg"]) == "%25.jpg"
    assert key_of(["a%20b.jpg"]) == "a%20b.jpg"


@given(st.one_of(KEYS, PIECES))
def test_names_that_the_bucket_writes_are_read_alike_by_hand(key: str) -> None:
    assert key_by_hand(names_of(key)) == key


@pytest.mark.parametrize("name", ["", ".", "..", ".tonari", ".TONARI", "a.jpg", "a b", "100%", "a%3Fb", "%41", "é"])
def test_what_is_never_looked_for_under_its_own_name(name: str) -> None:
    assert not may_be_by_hand(name)
