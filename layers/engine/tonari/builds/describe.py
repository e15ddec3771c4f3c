"""What ``schema.json`` says of classes in words, as vectors of the encoder's space."""

from __future__ import annotations

from tonari.attributes import Described
from tonari.encoders.port import Encoder
from tonari.errors import InvalidCatalogueError, InvalidTextError
from tonari.fields.schema import Schema
from tonari.snapshots.snapshot import Progress


def describe(schema: Schema, encoder: Encoder, progress: Progress) -> dict[str, Described]:
    """Encode the descriptions of classes, by attribute; without vectors where the encoder knows no words.

    Raises
    ------
    InvalidCatalogueError
        If one cannot be encoded.
    """
    told = {name: field.classes for name, field in schema.fields.items() if field.attribute and field.classes}
    if told and "text" not in encoder.modalities:
        progress(f"classes of {', '.join(told)} are described, but the encoder {encoder.name} knows no words", 0, 0)
        return {name: Described(tuple(classes), {}) for name, classes in told.items()}
    found: dict[str, Described] = {}
    for name, classes in told.items():
        try:
            encoded = encoder.encode_texts(list(classes.values()), "query")
        except InvalidTextError as error:
            why = f"schema.json describes a class of {name!r} by what has no word. {error.detail}"
            raise InvalidCatalogueError(why) from error
        found[name] = Described(tuple(classes), dict(zip(classes, encoded.embeddings, strict=True)))
    return found
