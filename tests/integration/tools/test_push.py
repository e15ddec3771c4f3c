"""``push`` against a real S3 server: what lies in the bucket afterwards, and what a second push leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from PIL import Image

from conftest import Buckets
from tonari.catalogue.inventory import list_catalogue
from tonari.errors import StoreError
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket
from tonari_tools.cli.main import main
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import read_catalogue
from tonari_tools.push.upload import push

TABLE = "sku,image,color,price\nA,a/1.png,red,5\nA,a/2.png,red,5\nB,b.jpg,blue,7.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("a/1.png", "a/2.png", "b.jpg")):
        path = tmp_path / "goods" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    (tmp_path / "goods" / "items.csv").write_text(TABLE)
    (tmp_path / "goods" / "schema.json").write_text('{"fields": {"color": {"type": "string", "attribute": true}}}')
    return tmp_path / "goods"


@pytest.fixture
def bucket(buckets: Buckets) -> Bucket:
    return S3Bucket(buckets.catalogue)


class Recorder:
    """A bucket that notes the order of writes and passes all on to a real one."""

    def __init__(self, bucket: Bucket, failing: str = "") -> None:
        self._bucket, self._failing = bucket, failing
        self.written: list[str] = []

    def list(self, prefix: str) -> Iterator[object]:
        return self._bucket.list(prefix)

    def put(self, key: str, data: bytes, content_type: str) -> str:
        if key == self._failing:
            raise StoreError(f"{key}: the disk is full")
        self.written.append(key)
        return self._bucket.put(key, data, content_type)


def quiet(done: int, total: int) -> None:
    assert 0 < done <= total


def keys(bucket: Bucket) -> list[str]:
    return [found.key for found in bucket.list("")]


def test_all_is_there_in_the_layout_of_the_catalogue(folder: Path, bucket: Bucket) -> None:
    pushed = push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), bucket, quiet)
    assert (pushed.items, pushed.uploaded, pushed.unchanged, pushed.vanished) == (2, 6, 0, ())
    names = ["images/A/1.png", "images/A/2.png", "images/B/b.jpg", "items/A.json", "items/B.json", "schema.json"]
    assert keys(bucket) == names
    assert pushed.bytes == sum(found.size for found in bucket.list(""))
    document = {"id": "A", "images": ["1.png", "2.png"], "sku": "A", "color": "red", "price": 5}
    assert json.loads(bucket.get("items/A.json").data) == document
    assert bucket.get("images/B/b.jpg").data == (folder / "b.jpg").read_bytes()
    assert list_catalogue(bucket).ids.tolist() == [b"A", b"B"]


def test_objects_have_their_content_type(folder: Path, bucket: Bucket) -> None:
    push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), bucket, quiet)
    client = boto3.client("s3")
    types = {key: client.head_object(Bucket=bucket.name, Key=key)["ContentType"] for key in keys(bucket)}
    client.close()
    assert {key.rpartition(".")[2]: content_type for key, content_type in types.items()} == {
        "png": "image/png",
        "jpg": "image/jpeg",
        "json": "application/json",
    }


def test_images_come_before_their_document(folder: Path, bucket: Bucket) -> None:
    recorder = Recorder(bucket)
    push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), recorder, quiet)  # type: ignore[arg-type]
    order = recorder.written
    assert order.index("items/A.json") > max(order.index("images/A/1.png"), order.index("images/A/2.png"))
    assert order.index("items/B.json") > order.index("images/B/b.jpg")


def test_a_failure_leaves_no_document_without_its_images(folder: Path, bucket: Bucket) -> None:
    recorder = Recorder(bucket, failing="images/A/2.png")
    with pytest.raises(StoreError, match="disk is full"):
        push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), recorder, quiet)  # type: ignore[arg-type]
    assert "items/A.json" not in keys(bucket)


def test_a_second_push_sends_only_what_has_changed(folder: Path, bucket: Bucket) -> None:
    push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), bucket, quiet)
    again = push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), bucket, quiet)
    assert (again.uploaded, again.unchanged, again.bytes) == (0, 6, 0)
    Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / "a/1.png")
    (folder / "items.csv").write_text(TABLE.replace("7.5", "8.5"))
    third = push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), bucket, quiet)
    assert (third.uploaded, third.unchanged) == (2, 4)
    assert bucket.get("images/A/1.png").data == (folder / "a/1.png").read_bytes()
    assert json.loads(bucket.get("items/B.json").data)["price"] == 8.5


def test_pictures_without_a_table_leave_documents_alone(folder: Path, bucket: Bucket) -> None:
    (folder / "items.csv").unlink()
    bucket.put("items/a.json", b'{"id": "a", "price": 5}')
    pushed = push(read_catalogue(folder), bucket, quiet)
    assert pushed.vanished == ()
    assert bucket.get("items/a.json").data == b'{"id": "a", "price": 5}'
    assert "items/b.json" not in keys(bucket)


def test_a_file_that_vanishes_meanwhile_is_named_and_the_others_are_sent(folder: Path, bucket: Bucket) -> None:
    push(read_catalogue(folder, Reading(folder / "items.csv", ("sku",))), bucket, quiet)
    Image.new("RGB", (8, 8), (7, 7, 7)).save(folder / "b.jpg")
    (folder / "items.csv").write_text(TABLE.replace(",5", ",6"))
    catalogue = read_catalogue(folder, Reading(folder / "items.csv", ("sku",)))
    (folder / "a/2.png").unlink()
    pushed = push(catalogue, bucket, quiet)
    assert pushed.unread == (f"{folder / 'a/2.png'}: No such file or directory",)
    assert pushed.vanished == ()
    assert bucket.get("images/B/b.jpg").data == (folder / "b.jpg").read_bytes()
    assert json.loads(bucket.get("items/A.json").data)["price"] == 5


def test_a_folder_that_becomes_unreadable_while_it_is_sent_ends_with_an_error(
    folder: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def show_and_lose(_: object) -> None:
        (folder / "b.jpg").unlink()

    monkeypatch.setattr("tonari_tools.push.preview.show_preview", show_and_lose)
    assert run(folder, bucket) == 1
    assert "1 of the files could not be read any more, such as " in capsys.readouterr().err
    assert "items/A.json" in keys(bucket)
    assert "items/B.json" not in keys(bucket)


def test_the_many_suffixes_of_a_jpeg_have_its_content_type(tmp_path: Path, bucket: Bucket) -> None:
    for suffix in ("jfif", "jpe", "pjpeg", "pjp", "JPG"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{suffix}.{suffix}", "JPEG")
    Image.new("RGB", (8, 8)).save(tmp_path / "w.webp")
    push(read_catalogue(tmp_path), bucket, quiet)
    client = boto3.client("s3")
    types = {
        key.rpartition(".")[2]: client.head_object(Bucket=bucket.name, Key=key)["ContentType"] for key in keys(bucket)
    }
    client.close()
    assert types.pop("webp") == "image/webp"
    assert set(types.values()) == {"image/jpeg"}
    assert len(types) == 5


def test_what_is_sent_is_shown_first(folder: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, bucket) == 0
    shown = capsys.readouterr().out
    assert shown.index("color  string") < shown.index("2 items with fields from ")
    assert shown.index("items        2, with 3 pictures, 1 to 2 each") < shown.index("color  string")


def test_a_dry_run_sends_nothing(folder: Path, bucket: Bucket) -> None:
    assert run(folder, bucket, "--dry-run") == 0
    assert keys(bucket) == []


def test_class_folders_are_not_sent_before_their_owner_has_said_what_they_are(
    tmp_path: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        path = tmp_path / "goods" / ("dress", "shoe")[number % 2] / f"{number:x}f{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    arguments = ["push", str(tmp_path / "goods"), "--catalogue", bucket.name]
    assert main(arguments) == 1
    assert f"tonari push {tmp_path / 'goods'} --folders classes --catalogue {bucket.name}" in capsys.readouterr().err
    assert keys(bucket) == []
    assert main([*arguments, "--folders", "classes"]) == 0
    assert len(keys(bucket)) == 40
    assert json.loads(bucket.get("items/0f0.json").data) == {"id": "0f0", "images": ["0f0.png"], "category": "dress"}


def run(folder: Path, bucket: Bucket, *flags: str) -> int:
    return main(["push", str(folder), "--id", "sku", "--catalogue", bucket.name, *flags])


def test_what_vanished_is_left_alone_unless_told(
    folder: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, bucket) == 0
    (folder / "items.csv").write_text("sku,image,color,price\nA,a/1.png,red,5\n")
    assert run(folder, bucket) == 0
    written = capsys.readouterr()
    assert f"3 files of 2 items in the bucket, but not in {folder}: left alone (--delete deletes them)" in written.out
    assert "Ignored 2 files that are not in items.csv: " in written.err
    assert len(keys(bucket)) == 6
    assert run(folder, bucket, "--delete") == 0
    assert "3 files of 2 items" in capsys.readouterr().out
    assert keys(bucket) == ["images/A/1.png", "items/A.json", "schema.json"]
    assert run(folder, bucket) == 0
    assert "not in" not in capsys.readouterr().out


def test_nothing_is_sent_before_all_is_checked(
    folder: Path, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "items.csv").write_text(TABLE + "C,gone.png,red,5\n")
    assert run(folder, bucket) == 1
    assert "items.csv, line 5: the picture gone.png is not in" in capsys.readouterr().err
    assert keys(bucket) == []


@pytest.mark.usefixtures("buckets")
def test_a_bucket_that_is_not_there_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", str(folder), "--id", "sku", "--catalogue", "no-such-bucket"]) == 1
    error = capsys.readouterr().err
    assert "no-such-bucket" in error
    assert "there is no such bucket; check its name" in error


def test_ids_and_names_may_be_in_any_script(tmp_path: Path, bucket: Bucket) -> None:
    name = "青い 椅子 & 100%+?#.png"
    Image.new("RGB", (8, 8)).save(tmp_path / name)
    push(read_catalogue(tmp_path), bucket, quiet)
    item = name.removesuffix(".png")
    inventory = list_catalogue(bucket)
    assert inventory.ids.tolist() == [item.encode()]
    assert list(inventory.images(0)) == [name]
    assert push(read_catalogue(tmp_path), bucket, quiet).unchanged == 1
