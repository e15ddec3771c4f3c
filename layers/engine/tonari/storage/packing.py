"""Arrays and JSON in one file, the same way wherever tonari stores arrays.

A file holds, in this order: 8 bytes that say what it is, the length of its header (8 bytes, little-endian), the header
in JSON, and the arrays. The header lists the arrays, and holds what their owner says about them. Each array begins at a
multiple of 64 bytes, so that a mapped file serves as it lies on disk.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tonari.contract.forms import decode
from tonari.errors import CorruptArtefactError
from tonari.storage.bucket import Bucket

SUFFIX = ".pack"
MAGIC = b"TONARI1\n"
MOST_SAID = 1 << 30
ALIGNMENT = 64
DTYPES = re.compile(r"\|[biu]1|<[iu][248]|<f[248]|\|S[1-9][0-9]{0,8}")

Form = TypeVar("Form")


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: msgspec.Raw
    arrays: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """A file that was read.

    Parameters
    ----------
    arrays
        By name; read-only, and of the same memory as the bytes or the mapped file.
    name
        Of the file, for messages.
    said
        JSON.
    """

    arrays: Mapping[str, NDArray[Any]]
    name: str
    said: bytes

    def about(self, form: type[Form]) -> Form:
        """Read what the file says about its arrays.

        Raises
        ------
        CorruptArtefactError
            If that is not of this form.
        """
        return decode(self.said, form, self.name)

    def array(self, name: str, dtype: type[np.generic], shape: tuple[int | None, ...]) -> NDArray[Any]:
        """Give an array; in ``shape``, None is a length that is not known beforehand.

        Raises
        ------
        CorruptArtefactError
            If there is none, or one of another type or shape.
        """
        found = self.arrays.get(name)
        if found is None:
            raise CorruptArtefactError(f"{self.name} has no array {name!r}: rebuild.")
        fits = len(found.shape) == len(shape) and all(
            wanted is None or wanted == length for wanted, length in zip(shape, found.shape, strict=True)
        )
        if not (fits and np.issubdtype(found.dtype, dtype)):
            raise CorruptArtefactError(
                f"{self.name}: {name!r} is {found.dtype} {found.shape}, it should be {dtype.__name__} {shape}: rebuild."
            )
        return found


def pack(about: Any, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Lay arrays out as the bytes of one file.

    Parameters
    ----------
    about
        What is said about them: a ``msgspec`` struct, or plain values that JSON can hold.
    arrays
        Of booleans, integers, floats or ``bytes``, of any shape.
    """
    return b"".join(_chunks(about, arrays))


def pack_file(path: Path, about: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write :func:`pack`'s bytes to a file, without holding them in memory."""
    with path.open("wb") as file:
        file.writelines(_chunks(about, arrays))


def unpack(data: bytes, name: str) -> Packed:
    """Read the bytes of a file, which messages call ``name``, without copying its arrays.

    Raises
    ------
    CorruptArtefactError
        If they are not of the form that :func:`pack` gives, to the byte.
    """
    return _read(np.frombuffer(data, np.uint8), name)


def map_file(path: Path, name: str) -> Packed:
    """Map a file, as :func:`unpack` reads it; its arrays are read from disk when they are used."""
    whole = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
    # Slices of numpy's own class for mapped files take ten times as long.
    return _read(np.asarray(whole), name)


def read_about(bucket: Bucket, key: str, form: type[Form]) -> Form:
    """Read what a file says about its arrays, and not these; its sha256 is not compared, which only the whole has.

    Raises
    ------
    CorruptArtefactError
        If it is not of the form that :func:`pack` gives, or what it says is not of this form.
    """
    begin = len(MAGIC) + 8
    start = bucket.get_range(key, 0, begin)
    length = int.from_bytes(start[len(MAGIC) :], "little")
    if not start.startswith(MAGIC) or len(start) < begin or not 0 < length <= MOST_SAID:
        raise CorruptArtefactError(f"{key} is not a file of arrays that this version reads: rebuild.")
    return decode(bytes(decode(bucket.get_range(key, begin, length), _Header, key).about), form, key)


def write_named(bucket: Bucket, prefix: str, data: bytes) -> str:
    """Write a file under a key that ends in its sha256, and read it back; gives the key.

    Equal bytes written twice have two keys: who deletes one keeps the other.

    Raises
    ------
    CorruptArtefactError
        If the store gives back other bytes than were written.
    """
    digest = hashlib.sha256(data).hexdigest()
    key = f"{prefix}{secrets.token_hex(4)}-{digest}{SUFFIX}"
    bucket.create(key, data)
    if bucket.sha256(key) != digest:
        raise CorruptArtefactError(f"{key} was not stored as it was written: try again.")
    return key


def read_named(bucket: Bucket, key: str) -> Packed:
    """Read a file that :func:`write_named` wrote.

    Raises
    ------
    CorruptArtefactError
        If its sha256 is not the one in its key.
    """
    data = bucket.get(key).data
    if not key.endswith(f"-{hashlib.sha256(data).hexdigest()}{SUFFIX}"):
        raise CorruptArtefactError(f"{key} has not the sha256 that its name says.")
    return unpack(data, key)


def _chunks(about: Any, arrays: Mapping[str, NDArray[Any]]) -> Iterator[bytes | memoryview]:
    entries = tuple(_Entry(name=name, dtype=_dtype(name, array), shape=array.shape) for name, array in arrays.items())
    header = msgspec.json.encode(_Header(about=msgspec.Raw(msgspec.json.encode(about)), arrays=entries))
    yield MAGIC + len(header).to_bytes(8, "little") + header
    at = len(MAGIC) + 8 + len(header)
    for array in arrays.values():
        yield bytes(_aligned(at) - at)
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        at = _aligned(at) + array.nbytes


def _dtype(name: str, array: NDArray[Any]) -> str:
    if not DTYPES.fullmatch(array.dtype.str):
        raise TypeError(f"the array {name!r} has dtype {array.dtype}, which cannot be stored")
    return array.dtype.str


def _aligned(at: int) -> int:
    return -(-at // ALIGNMENT) * ALIGNMENT


def _read(whole: NDArray[np.uint8], name: str) -> Packed:
    begin = len(MAGIC) + 8
    start = whole[:begin].tobytes()
    at = begin + int.from_bytes(start[len(MAGIC) :], "little")
    if not start.startswith(MAGIC) or len(start) < begin or at > len(whole):
        raise CorruptArtefactError(f"{name} is not a file of arrays that this version reads: rebuild.")
    header = decode(whole[begin:at].tobytes(), _Header, name)
    arrays: dict[str, NDArray[Any]] = {}
    for entry in header.arrays:
        if entry.name in arrays or not DTYPES.fullmatch(entry.dtype) or any(length < 0 for length in entry.shape):
            raise CorruptArtefactError(f"{name} lists an array {entry.name!r:.80} that cannot be read.")
        dtype = np.dtype(entry.dtype)
        first, at = _aligned(at), _aligned(at) + dtype.itemsize * math.prod(entry.shape)
        if at > len(whole):
            raise CorruptArtefactError(f"{name} ends before the end of its array {entry.name!r:.80}.")
        try:
            arrays[entry.name] = whole[first:at].view(dtype).reshape(entry.shape)
        except (ValueError, OverflowError) as error:
            raise CorruptArtefactError(f"{name} lists an array {entry.name!r:.80} of impossible shape.") from error
    if at != len(whole):
        raise CorruptArtefactError(f"{name} has {len(whole)} bytes, its header says {at}.")
    return Packed(arrays, name, bytes(header.about))
