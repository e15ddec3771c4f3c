"""Bytes of a request's body -> what was meant: encodings undone, forms taken apart, base64 in every spelling.

Nothing is unpacked beyond the limit of a body: a kilobyte of gzip may stand for a gigabyte.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from tonari.api.http import Request
from tonari.contract.parameters import MOST_BODY_BYTES
from tonari.errors import InvalidRequestError, TooLargeError, UnsupportedEncodingError

FORM: Final = "multipart/form-data"
MOST_PARTS: Final = 1_000
"""Of a form; a list may be given as one part for each of its values."""
GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
BARE: Final = -zlib.MAX_WBITS
"""How some programs write ``deflate``: without the frame that the standard asks for."""
_CODINGS: Final = {"gzip": GZIP_OR_ZLIB, "x-gzip": GZIP_OR_ZLIB, "deflate": GZIP_OR_ZLIB, "identity": None, "": None}
MOST_CODINGS: Final = 2
MOST_MEMBERS: Final = 100
"""Of one gzip file: each costs as much time as all that follows it."""
_BLANKS = re.compile(r"\s+")
_DATA_URL = re.compile(r"\s*data:(?P<about>[^,]{0,200}),", re.IGNORECASE)
_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=", re.IGNORECASE)
"""How older clients write a file name that is not ASCII [RFC 5987]; the parser passes it over."""
PICTURES: Final = ("image/", "application/octet-stream")


def unpack(request: Request) -> Request:
    """Undo what ``content-encoding`` names.

    Raises
    ------
    TooLargeError
        If the body is over the limit, packed or unpacked.
    UnsupportedEncodingError
        If it is encoded in another way than gzip or deflate.
    InvalidRequestError
        If it is damaged.
    """
    check_size(len(request.body))
    named = [one.strip().lower() for one in request.encoding.split(",")]
    unknown = [one for one in named if one not in _CODINGS]
    if unknown or len(named) > MOST_CODINGS:
        raise UnsupportedEncodingError(
            f"The content-encoding {request.encoding:.60} is not read: send the body as it is, or packed once by gzip "
            "or deflate."
        )
    body = request.body
    for one in reversed(named):
        window = _CODINGS[one]
        body = body if window is None else _unpacked(body, one, window)
    return replace(request, body=body, encoding="")


def check_size(size: int, *, unpacked: bool = False) -> None:
    """Refuse a body over the limit.

    Raises
    ------
    TooLargeError
    """
    if size > MOST_BODY_BYTES:
        said = f"has more than {MOST_BODY_BYTES:,} bytes when it is unpacked" if unpacked else f"has {size:,} bytes"
        raise TooLargeError(
            f"The body {said}, at most {MOST_BODY_BYTES:,} are taken: shrink the picture (sides of 512 pixels are "
            "enough), or upload it by POST /v1/uploads and ask with its 'upload'."
        )


def _unpacked(data: bytes, coding: str, window: int) -> bytes:
    if coding == "deflate" and not _has_frame(data):
        window = BARE
    out, members = bytearray(), 0
    while data:
        members += 1
        if members > MOST_MEMBERS:
            raise InvalidRequestError(f"The body is {coding} of more than {MOST_MEMBERS} parts: pack it as one.")
        stream = zlib.decompressobj(window)
        try:
            out += stream.decompress(data, MOST_BODY_BYTES + 1 - len(out))
        except zlib.error as error:
            raise InvalidRequestError(
                f"The body is not the {coding} that its content-encoding says, or is damaged ({error}): send it again, "
                "or without that header."
            ) from error
        check_size(len(out), unpacked=True)
        if not stream.eof:
            raise InvalidRequestError(f"The body ends before its {coding} data does: send it again, whole.")
        data = stream.unused_data.lstrip(b"\0")
    return bytes(out)


def _has_frame(data: bytes) -> bool:
    """Tell whether deflated data begin as RFC 1950 says."""
    return len(data) > 1 and data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0


@dataclass(frozen=True, slots=True)
class Form:
    """A form with one file: its bytes, and all other parts by name, in their order."""

    file: bytes
    fields: tuple[tuple[str, str], ...]


def read_form(request: Request) -> Form:
    """Take a form apart [RFC 7578].

    Raises
    ------
    InvalidRequestError
        If it cannot be read, or has not exactly one file.
    TooLargeError
        If it has too many parts.
    """
    _, options = parse_options_header(request.content_type)
    boundary = options.get("boundary")
    if not boundary:
        raise InvalidRequestError(
            f"The content-type {FORM} names no boundary: let your HTTP library write that header, as curl -F does."
        )
    try:
        parts = _parts(request.body, boundary)
    except ParserLimitReached as error:
        raise TooLargeError(f"The form is over a limit ({error}): it has at most {MOST_PARTS:,} parts.") from error
    except MultipartError as error:
        raise InvalidRequestError(
            f"The form cannot be read ({error}): its parts must be separated by the boundary of the content-type, and "
            "the last one must be closed by it."
        ) from error
    files = [content for about, content in parts if _is_file(about) and (content or about.filename)]
    if len(files) != 1:
        raise InvalidRequestError(
            f"The form has {len(files) or 'no'} files, it needs exactly one: the picture, as in curl -F "
            "image=@photo.jpg. All other parts are parameters."
        )
    return Form(files[0], tuple((_name(about), _text(about, part)) for about, part in parts if not _is_file(about)))


def _parts(body: bytes, boundary: str) -> list[tuple[MultipartSegment, bytes]]:
    parts: list[tuple[MultipartSegment, bytes]] = []
    about, content = None, bytearray()
    with PushMultipartParser(boundary, max_segment_count=MOST_PARTS, header_charset="latin-1", strict=True) as parser:
        for event in parser.parse(body) if body else ():
            if isinstance(event, MultipartSegment):
                about, content = event, bytearray()
            elif event:
                content += event
            elif about is not None:
                parts.append((about, bytes(content)))
    return parts


def _is_file(about: MultipartSegment) -> bool:
    disposition = about.header("Content-Disposition") or ""
    return _EXTENDED_NAME.search(disposition) is not None or (
        about.filename is not None or (about.content_type or "").lower().startswith(PICTURES)
    )


def _name(about: MultipartSegment) -> str:
    """Give a part's name; headers are read as Latin-1, in which any file name is a text."""
    name: str = about.name
    return name.encode("latin-1").decode(errors="surrogateescape")


def _text(about: MultipartSegment, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError(
            f"The part {_name(about)!r:.60} is neither a file nor a text in UTF-8: give the picture's part a file name."
        ) from error


def read_base64(text: str) -> bytes:
    """Read base64 as it comes: wrapped, URL-safe, without padding, or as a ``data:`` URL.

    Raises
    ------
    InvalidRequestError
    """
    prefix = _DATA_URL.match(text)
    if prefix is not None and not _BLANKS.sub("", prefix["about"]).lower().endswith(";base64"):
        raise InvalidRequestError("'image' is a data: URL that is not in base64: write data:image/jpeg;base64, and it.")
    bare = unquote(text[prefix.end() :]) if prefix else text
    plain = _BLANKS.sub("", bare).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        shown = f"{text[:40]}{'…' if len(text) > 40 else ''}"
        raise InvalidRequestError(f"'image' is a picture's bytes in base64, which {shown!r} is not.") from error
