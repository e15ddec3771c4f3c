"""JSON read as types, and types written as JSON, with a sha256 of itself where one is wanted.

Each type is met for the first time by one thread alone: msgspec 0.22 looks a type up when it first meets it, and where
eight threads did so at once, 5 of 120 processes died of a segmentation fault.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct

from tonari.errors import CorruptArtefactError

Form = TypeVar("Form")

_lock = threading.Lock()
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(form: type[Form]) -> msgspec.json.Decoder[Form]:
    """Give what reads JSON as a type."""
    with _lock:
        if form not in _decoders:
            _decoders[form] = msgspec.json.Decoder(form)
        return _decoders[form]


def convert(values: Any, form: type[Form], *, strict: bool = True, from_attributes: bool = False) -> Form:
    """Do what :func:`msgspec.convert` does."""
    decoder(form)
    return msgspec.convert(values, form, strict=strict, from_attributes=from_attributes)


def decode(data: bytes, form: type[Form], name: str) -> Form:
    """Read JSON as a type.

    Parameters
    ----------
    name
        Of the file, for messages.

    Raises
    ------
    CorruptArtefactError
        If it is not JSON, lacks a field, has an unknown one, or one of another type.
    """
    try:
        return decoder(form).decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CorruptArtefactError(f"{name} is not of the documented form: {error}.") from error


class _Sealed(Protocol):
    @property
    def sha256(self) -> str: ...


Sealed = TypeVar("Sealed", bound=_Sealed)


def seal(artefact: Sealed) -> Sealed:
    """Add the sha256 of all that an artefact says, as it will be read."""
    plain = decoder(type(artefact)).decode(msgspec.json.encode(artefact))
    sealed: Sealed = msgspec.structs.replace(plain, sha256=_digest(plain))  # type: ignore[type-var]
    return sealed


def check_seal(artefact: Sealed, name: str) -> Sealed:
    """Return an artefact that is as it was sealed.

    Raises
    ------
    CorruptArtefactError
        If it is not.
    """
    if artefact.sha256 != _digest(artefact):
        raise CorruptArtefactError(f"{name} has not the sha256 that it says of itself: it is damaged.")
    return artefact


def _digest(artefact: Any) -> str:
    plain = msgspec.structs.replace(artefact, sha256="")
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def encode(artefact: Struct) -> bytes:
    """Write a struct as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(artefact), indent=1)
