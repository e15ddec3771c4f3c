"""The manifest of a snapshot as bytes: its format is checked first, then its own sha256, then its form."""

from __future__ import annotations

import hashlib

import msgspec

from tonari.contract.artefacts import Manifest, decode, encode
from tonari.errors import CorruptArtefactError
from tonari.fields.schema import Schema, parse_schema
from tonari.index.planner import Tuning

MANIFEST = "manifest.json"
FORMAT = 6


class _Format(msgspec.Struct, frozen=True):
    format: int


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """Give the bytes of ``manifest.json``, with the sha256 of all that it says."""
    plain = msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest)
    return encode(msgspec.structs.replace(plain, sha256=_digest(plain)))


def manifest_from_bytes(data: bytes) -> Manifest:
    """Read ``manifest.json``.

    Raises
    ------
    CorruptArtefactError
        If it is not of this form or format, or its own sha256 is another.
    """
    said = decode(data, _Format, MANIFEST).format
    if said != FORMAT:
        remedy = "update tonari" if said > FORMAT else "rebuild"
        raise CorruptArtefactError(f"{MANIFEST} has format {said}, this version reads {FORMAT}: {remedy}.")
    manifest = decode(data, Manifest, MANIFEST)
    if manifest.sha256 != _digest(manifest):
        raise CorruptArtefactError(f"{MANIFEST} has not the sha256 that it says of itself: rebuild.")
    return manifest


def schema_of(manifest: Manifest) -> Schema:
    """Give the schema that a manifest states."""
    return parse_schema(msgspec.json.encode(manifest.schema))


def tuning_of(manifest: Manifest) -> Tuning:
    """Give what searches must visit.

    Raises
    ------
    CorruptArtefactError
        If it is of another version's form.
    """
    try:
        return msgspec.convert(manifest.tuning, Tuning)
    except msgspec.ValidationError as error:
        raise CorruptArtefactError(f"{MANIFEST} does not say what searches must visit: {error}; rebuild.") from error


def _digest(manifest: Manifest) -> str:
    """Hash what a manifest says (hex): all else is verified by what stands in it."""
    plain = msgspec.structs.replace(manifest, sha256="")
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
