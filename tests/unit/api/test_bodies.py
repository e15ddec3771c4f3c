"""Bodies as clients send them: packed, as forms, and base64 in every spelling."""

from __future__ import annotations

import base64
import contextlib
import gzip
import tracemalloc
import zlib
from dataclasses import replace
from urllib.parse import quote

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from tonari.api.bodies import MOST_MEMBERS, MOST_PARTS, Form, read_base64, read_form, unpack
from tonari.api.http import Request
from tonari.contract.parameters import MOST_BODY_BYTES
from tonari.errors import InvalidRequestError, TooLargeError, UnsupportedEncodingError

PICTURE = b"\xff\xd8\xff a picture \r\n--edge\r\n" + bytes(range(256))


def packed(body: bytes, encoding: str, content_type: str = "") -> Request:
    return Request("POST", "/v1/search", (), content_type, body, encoding)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    " deflate ": raw_deflate,
    "identity": bytes,
    "": bytes,
    "gzip, identity": gzip.compress,
    "deflate,gzip": lambda data: gzip.compress(zlib.compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("data", [PICTURE, b"", b"{}", bytes(MOST_BODY_BYTES)], ids=["picture", "empty", "{}", "most"])
def test_what_was_packed_is_unpacked(encoding: str, data: bytes) -> None:
    request = packed(ENCODERS[encoding](data), encoding, "image/png")

    assert unpack(request) == replace(request, body=data, encoding="")


@given(st.binary(max_size=200), st.integers(-1, 9))
@settings(max_examples=100, deadline=None)
def test_deflate_with_and_without_its_frame(data: bytes, level: int) -> None:
    assert unpack(packed(zlib.compress(data, level), "deflate")).body == data
    packer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    assert unpack(packed(packer.compress(data) + packer.flush(), "deflate")).body == data


def test_several_members_and_padding() -> None:
    assert (
        unpack(packed(gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0) + bytes(512), "gzip")).body
        == b"onetwo"
    )
    one = gzip.compress(b"a", mtime=0)
    assert unpack(packed(one * MOST_MEMBERS, "gzip")).body == b"a" * MOST_MEMBERS


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_many_members_cost_no_time(encoding: str) -> None:
    one = gzip.compress(b"") if encoding == "gzip" else zlib.compress(b"")
    with pytest.raises(InvalidRequestError, match=f"of more than {MOST_MEMBERS} parts: pack it as one"):
        unpack(packed(one * (MOST_BODY_BYTES // len(one)), encoding))


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "aws-chunked", "gzip, br", "gzip,gzip,gzip", "gzip;q=1"]
)
def test_another_encoding(encoding: str) -> None:
    with pytest.raises(UnsupportedEncodingError, match=r"is not read: send the body as it is, or packed once by gzip"):
        unpack(packed(gzip.compress(b"{}", mtime=0), encoding))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"hello", "is not the gzip that its content-encoding says, or is damaged"),
        (b'{"id": "a"}', "is not the gzip"),
        (gzip.compress(PICTURE, mtime=0)[:-1], "ends before its gzip data does"),
        (gzip.compress(PICTURE, mtime=0)[:20], "ends before its gzip data does"),
        (gzip.compress(PICTURE, mtime=0)[:1], "ends before"),
        (gzip.compress(PICTURE, mtime=0)[:-8] + bytes(8), "damaged"),
        (gzip.compress(PICTURE, mtime=0) + b"more", "damaged"),
    ],
)
def test_damaged_bodies(body: bytes, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        unpack(packed(body, "gzip"))


def test_bombs_are_not_unpacked() -> None:
    once = gzip.compress(bytes(400_000_000), 9)
    bombs = {"gzip": once, "deflate, gzip": gzip.compress(zlib.compress(bytes(100_000_000))), "x-gzip": once[:-20]}
    many = b"".join([gzip.compress(bytes(MOST_BODY_BYTES // 2))] * 3)
    for encoding, body in (*bombs.items(), ("gzip", many)):
        tracemalloc.start()
        with pytest.raises(TooLargeError, match=r"more than 4,400,000 bytes when it is unpacked, at most 4,400,000"):
            unpack(packed(body, encoding))
        assert tracemalloc.get_traced_memory()[1] < 4 * MOST_BODY_BYTES
        tracemalloc.stop()


def test_a_packed_body_over_the_limit() -> None:
    with pytest.raises(TooLargeError, match="has 4,400,001 bytes"):
        unpack(packed(bytes(MOST_BODY_BYTES + 1), "gzip"))


# --- forms


def form(*parts: tuple[str, str | tuple[str, bytes, str]]) -> Request:
    body, content_type = urllib3.encode_multipart_formdata(list(parts))
    return Request("POST", "/v1/search", (), content_type, body)


def by_hand(
    *parts: bytes, end: bytes = b"--edge--\r\n", content_type: str = "multipart/form-data; boundary=edge"
) -> Request:
    body = b"".join(b"--edge\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + end
    return Request("POST", "/v1/search", (), content_type, body)


FILE = b'name="image"; filename="a.jpg"\r\n\r\npicture'


@pytest.mark.parametrize("name", ["image", "file", "whatever", "fi le", "画像"])
@pytest.mark.parametrize("media_type", ["image/jpeg", "application/octet-stream", "text/plain"])
def test_one_file_of_any_name_and_other_parts(name: str, media_type: str) -> None:
    parts = (("k", "5"), (name, ("a b.jpg", PICTURE, media_type)), ("ids", "a"), ("ids", "b"), ("filter", '{"a": "é"}'))

    assert read_form(form(*parts)) == Form(PICTURE, (("k", "5"), ("ids", "a"), ("ids", "b"), ("filter", '{"a": "é"}')))


@pytest.mark.parametrize(
    "request_",
    [
        by_hand(FILE),
        by_hand(FILE, content_type='Multipart/Form-Data; charset=utf-8; Boundary="edge"'),
        by_hand(b"name=image; filename=a.jpg\r\nContent-Type: image/jpeg\r\nContent-Length: 7\r\n\r\npicture"),
        by_hand(b'name="image"\r\nContent-Type: image/jpeg\r\n\r\npicture'),
        by_hand(b"name=image; filename*=UTF-8''%E9%9A%A3.jpg\r\n\r\npicture"),
        by_hand(FILE, b'name="other"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'),
        by_hand(FILE, end=b"--edge--"),
        by_hand(b'name="image"; filename="Kleid gr\xfcn.jpg"\r\n\r\npicture'),
        by_hand(b'name="image"; filename="\xed\xa0\xbd.jpg"\r\n\r\npicture'),
    ],
)
def test_forms_as_clients_write_them(request_: Request) -> None:
    assert read_form(request_) == Form(b"picture", ())


def test_names_of_parts_are_utf_8() -> None:
    parts = by_hand(FILE, 'name="größe"\r\n\r\n5'.encode(), b'name="\xe9"\r\n\r\n6')

    assert read_form(parts).fields == (("größe", "5"), ("\udce9", "6"))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (by_hand(), "the form has no files|cannot be read"),
        (
            by_hand(b'name="k"\r\n\r\n5'),
            r"has no files, it needs exactly one: the picture, as in curl -F image=@photo\.jpg",
        ),
        (by_hand(b'name="image"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'), "has no files"),
        (by_hand(FILE, FILE), "has 2 files, it needs exactly one"),
        (
            by_hand(FILE, content_type="multipart/form-data"),
            "names no boundary: let your HTTP library write that header",
        ),
        (by_hand(FILE, content_type="multipart/form-data; boundary="), "names no boundary"),
        (
            by_hand(FILE, content_type="multipart/form-data; boundary=other"),
            r"cannot be read \(.*separated by the boundary",
        ),
        (by_hand(FILE, end=b""), r"cannot be read \(.*closed by it"),
        (by_hand(FILE, end=b"--edg"), "cannot be read"),
        (by_hand(FILE, end=b"--edge--\r\nmore behind"), None),
        (by_hand(b"filename=a.jpg\r\n\r\npicture"), "cannot be read"),
        (by_hand(b'name="a"\r\nno header\r\n\r\nx'), "cannot be read"),
        (by_hand(FILE, b'name="k"\r\n\r\n\xff\xfe'), "'k' is neither a file nor a text in UTF-8"),
        (Request("POST", "/", (), "multipart/form-data; boundary=edge", b""), "cannot be read|no files"),
        (Request("POST", "/", (), "multipart/form-data; boundary=edge", PICTURE), "cannot be read"),
    ],
)
def test_forms_that_cannot_be_read(request_: Request, says: str | None) -> None:
    if says is None:
        assert read_form(request_).file == b"picture"
        return
    with pytest.raises(InvalidRequestError, match=f"(?i){says}"):
        read_form(request_)


def test_too_many_parts() -> None:
    parts = [b'name="ids"\r\n\r\na'] * (MOST_PARTS - 1)
    assert len(read_form(by_hand(*parts, FILE)).fields) == MOST_PARTS - 1
    with pytest.raises(TooLargeError, match="at most 1,000 parts"):
        read_form(by_hand(*parts, FILE, FILE))


def test_too_long_a_header_of_a_part() -> None:
    with pytest.raises(TooLargeError, match="over a limit"):
        read_form(by_hand(b'name="' + b"x" * 10_000 + b'"\r\n\r\na'))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_form_is_read_or_refused(data: bytes) -> None:
    for body in (data, b"--edge\r\n" + data, by_hand(FILE + data).body):
        with contextlib.suppress(InvalidRequestError, TooLargeError):
            read_form(Request("POST", "/", (), "multipart/form-data; boundary=edge", body))


# --- base64


def wrapped(text: str, width: int, line: str) -> str:
    return line.join(text[start : start + width] for start in range(0, len(text), width))


@given(st.binary(max_size=300), st.sampled_from(["\n", "\r\n", "\r", " ", "\t", "\n  "]), st.integers(1, 76))
@settings(max_examples=200, deadline=None)
def test_every_spelling_of_base64(data: bytes, line: str, width: int) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(data).decode()
        for one in (text, text.rstrip("="), wrapped(text, width, line), f"{line}{text}{line}"):
            assert read_base64(one) == data
            for prefix in (
                "data:image/jpeg;base64,",
                "data:;base64,",
                "data:image/png; base64,",
                "DATA:image/png;charset=utf-8;BASE64,",
            ):
                assert read_base64(prefix + one) == read_base64(prefix + quote(one, safe="")) == data


@pytest.mark.parametrize(
    "text", ["a*b", "é", "隣", "AAAA,", "A", "AAAAA", "AA=A", "=AAA", "<svg/>", "http://a/b.jpg", "C:\\a"]
)
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"'image' is a picture's bytes in base64, which .* is not"
    ) as refused:
        read_base64(text)
    assert text in refused.value.detail or repr(text)[1:-1] in refused.value.detail


@pytest.mark.parametrize("text", ["data:image/svg+xml,%3Csvg/%3E", "data:,AAAA", "data:image/png;base65,AAAA"])
def test_a_data_url_of_another_kind(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="data: URL that is not in base64"):
        read_base64(text)


def test_a_long_text_is_cut_short_where_it_is_repeated() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_base64("*" * 1_000_000)
    assert len(refused.value.detail) < 200
