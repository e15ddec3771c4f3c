"""Objects are found under either normal form of their keys: over a real folder."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tonari.catalogue.any_spelling import AnySpelling
from tonari.catalogue.documents import document_key, image_key, list_item, read_item
from tonari.errors import ConflictError, MissingObjectError
from tonari.storage.folder import FolderBucket

ITEM = "Ёлка"
NFC, NFD = (unicodedata.normalize(form, f"items/{ITEM}.json") for form in ("NFC", "NFD"))
NAME = "grün.jpg"
KEYS = [
    f"images/{unicodedata.normalize(one, ITEM)}/{unicodedata.normalize(other, NAME)}"
    for one in ("NFC", "NFD")
    for other in ("NFC", "NFD")
]


@pytest.fixture
def below(tmp_path: Path) -> FolderBucket:
    """What lies there, as others see it."""
    return FolderBucket(tmp_path, "http://localhost/files")


@pytest.fixture
def bucket(below: FolderBucket) -> AnySpelling:
    return AnySpelling(below)


def keys(bucket: FolderBucket) -> list[str]:
    return sorted(found.key for found in bucket.list(""))


@pytest.mark.parametrize("lies", KEYS)
@pytest.mark.parametrize("asked", KEYS)
def test_an_object_is_found_in_any_spelling(bucket: AnySpelling, below: FolderBucket, lies: str, asked: str) -> None:
    etag = below.put(lies, b"one")

    assert bucket.get(asked).data == b"one"
    assert bucket.get(asked, if_match=etag).etag == etag
    assert bucket.get_changed(asked, etag) is None
    assert (found := bucket.head(asked)) is not None
    assert found.etag == etag
    assert [found.key for found in bucket.list(asked)] == [lies]
    assert len(bucket.sha256(asked)) == 64
    assert below.get(lies).data == b"one"
    assert bucket.presign_get(asked, 60).partition("?")[0] == below.presign_get(lies, 60).partition("?")[0]
    assert bucket.replace(asked, b"two", etag) != etag
    bucket.put(asked, b"three")
    with pytest.raises(ConflictError):
        bucket.create(asked, b"four")
    assert keys(below) == [lies]
    assert below.get(lies).data == b"three"
    bucket.delete(asked)
    assert keys(below) == []


@pytest.mark.parametrize("asked", KEYS)
def test_what_is_new_is_written_in_nfc(bucket: AnySpelling, below: FolderBucket, asked: str, tmp_path: Path) -> None:
    bucket.put(asked, b"one")
    assert keys(below) == [KEYS[0]]
    bucket.delete(asked)
    bucket.create(asked, b"one")
    assert keys(below) == [KEYS[0]]
    (tmp_path.parent / "file").write_bytes(b"one")
    bucket.delete(asked)
    bucket.create_file(asked, tmp_path.parent / "file")
    assert keys(below) == [KEYS[0]]
    assert bucket.presign_post(f"images/{ITEM}/${{filename}}", 5, 60).fields["key"] == f"images/{ITEM}/${{filename}}"


def test_of_two_the_one_in_nfc_is_meant_and_both_are_deleted(bucket: AnySpelling, below: FolderBucket) -> None:
    below.put(NFD, b"other")
    below.put(NFC, b"nfc")

    assert bucket.get(NFD).data == b"nfc"
    bucket.put(NFD, b"new")
    assert (below.get(NFC).data, below.get(NFD).data) == (b"new", b"other")
    bucket.delete(NFC)
    assert keys(below) == []


def test_an_id_as_earlier_versions_kept_it_is_of_no_item(bucket: AnySpelling, below: FolderBucket) -> None:
    below.put(NFD, b"{}")
    below.put(KEYS[3], b"x")

    assert read_item(bucket, unicodedata.normalize("NFD", ITEM)).deleted
    assert not read_item(bucket, ITEM).deleted


def test_what_is_nowhere(bucket: AnySpelling) -> None:
    assert bucket.head(NFD) is None
    assert list(bucket.list(NFD)) == []
    with pytest.raises(MissingObjectError):
        bucket.get(NFD)
    with pytest.raises(MissingObjectError):
        bucket.get_changed(NFD, "e")
    bucket.delete(NFD)


def test_an_item_is_read_from_all_its_spellings(bucket: AnySpelling, below: FolderBucket) -> None:
    below.put(NFD, '{"farbe": "gru\u0308n"}'.encode())
    for number, key in enumerate(KEYS):
        below.put(key, b"x" * (1 + number))
    below.put(image_key(unicodedata.normalize("NFD", ITEM), "empty.jpg"), b"")

    item = read_item(bucket, ITEM)

    assert (item.fields, item.problem) == ({"farbe": "grün", "id": ITEM}, "")
    assert item.images == {NAME: below.get(KEYS[0]).etag}
    assert item.empty == {image_key(ITEM, "empty.jpg"): "The file is empty: put it there again, or delete it."}
    assert list_item(bucket, ITEM)[0] == item.images
    assert document_key(ITEM) == NFC
