"""What an upload takes for there already."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonari.storage.folder import FolderBucket
from tonari_tools.push.upload import list_keys

NFC, NFD = "caf\u00e9", "cafe\u0301"
IN_NEITHER_FORM = ["\u212b", "\u2000", "\u0344", "\u00e9e\u0301"]


@pytest.mark.parametrize("odd", IN_NEITHER_FORM)
def test_keys_by_their_names_in_nfc(tmp_path: Path, odd: str) -> None:
    bucket = FolderBucket(tmp_path)
    for item in (NFC, NFD, odd, "plain"):
        bucket.put(f"images/{item}/a.jpg", item.encode())
    bucket.put(f"items/{NFD}.json", b"{}")
    bucket.put("schema.json", b"{}")

    there = list_keys(bucket)

    assert {key: found.key for key, found in there.items()} == {
        f"images/{NFC}/a.jpg": f"images/{NFC}/a.jpg",
        f"items/{NFC}.json": f"items/{NFD}.json",
        "images/plain/a.jpg": "images/plain/a.jpg",
        "schema.json": "schema.json",
    }


def test_a_key_in_neither_form_beside_that_in_nfc(tmp_path: Path) -> None:
    bucket = FolderBucket(tmp_path)
    for item in ("\u00c5", "\u212b", "A\u030a"):
        bucket.put(f"images/{item}/a.jpg", b"x")

    assert [found.key for found in list_keys(bucket).values()] == ["images/\u00c5/a.jpg"]
