"""Bytes of a table -> text."""

from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonari.errors import InvalidCatalogueError
from tonari_tools.push.table.table_bytes import decode_table, guess_encoding

TEXT = "id,name,price\np1,赤いワンピース,1200\np2,été,900\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_say_what_they_are_are_read(encoding: str) -> None:
    assert decode_table("t.csv", TEXT.encode(encoding)) == TEXT


def test_a_mark_that_stands_twice_is_no_text() -> None:
    assert decode_table("t.csv", b"\xef\xbb\xbf" * 2 + b"id\n") == "id\n"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_any_text_in_utf_8_is_read(text: str) -> None:
    assert decode_table("t.csv", text.encode()) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "id,name,price\np1,赤いワンピース,1200\np2,青いシャツ,900\n"),
        ("cp932", "id,color\np1,赤\np2,青\n"),
        ("cp932", "商品番号,色,価格\np1,赤,1200\n"),
        ("cp932", "id,name\np1,ｼｬﾂ\np2,ﾄﾞﾚｽ\n"),
        ("cp932", "商品番号,画像,価格\n" + '1,p1.jpg,"1,980円"\n' * 9),
        ("euc_jp", "id,name,price\np1,赤いワンピース,1200\n"),
        ("gb2312", "id,name\np1,红色连衣裙\np2,蓝色衬衫\n"),
        ("euc_kr", "id,name\np1,빨간 원피스\np2,파란 셔츠\n"),
        ("cp1252", "id,nom\np1,Robe été\np2,Écharpe légère à pois\n"),
        ("cp1252", "id;name;preis\np1;Größe L Strümpfe;12,50\n"),
        ("cp1252", "id,price\np1,12 €\n"),
        ("cp1252", "id,nom\np1,été\n"),
    ],
)
def test_other_encodings_are_told(encoding: str, text: str) -> None:
    assert guess_encoding(text.encode(encoding)) == encoding


def test_shift_jis_is_named_with_how_it_reads_and_the_remedy() -> None:
    data = "id,name\np1,dress\np2,赤いワンピース\n".encode("cp932")
    with pytest.raises(InvalidCatalogueError) as found:
        decode_table("items.csv", data)
    message = found.value.detail
    assert message.startswith("items.csv is not UTF-8 (line 3, byte 20): it seems to be Shift-JIS")
    assert "'p2,赤いワンピース'" in message
    assert "'CSV UTF-8'" in message
    assert "iconv -f CP932 -t UTF-8 items.csv > utf8-items.csv" in message


def test_a_broken_text_in_utf_16_is_refused() -> None:
    with pytest.raises(InvalidCatalogueError, match="is not UTF-16"):
        decode_table("t.csv", b"\xff\xfei\0d\0\0\xd8\n\0")


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "x.db") as connection:
        connection.execute("create table items (id text)")
    connection.close()
    return (folder / "x.db").read_bytes()


def test_files_that_are_no_text_are_called_what_they_are(tmp_path: Path) -> None:
    for data, said in (
        (workbook(), "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (gzip.compress(b"id\n"), "compressed: unpack it with gunzip"),
        (database(tmp_path), "a SQLite database"),
        (b"%PDF-1.7", "a PDF"),
    ):
        with pytest.raises(InvalidCatalogueError, match=said):
            decode_table("t.csv", data)
