"""The manifest of a snapshot: what it holds, the sha256 of each file, and its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tonari.errors import CorruptArtefactError
from tonari.fields.schema import Schema, parse_schema
from tonari.index.planner import Probe, Tuning

FORMAT = 5
CHECK = "sha256"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.json`` says.

    Parameters
    ----------
    id
        The snapshot's.
    encoder
        Id of the encoder that made its embeddings.
    items, views, rejected
        Counts.
    dimensions
        ``D``.
    recall
        Recall@10 by selectivity, measured at build.
    budget
        What searches must visit.
    attributes
        By name and method: what predictions are worth on held-out items.
    schema
        Of its fields.
    files
        sha256 (hex) by name.
    """

    id: str
    encoder: str
    items: int
    views: int
    rejected: int
    dimensions: int
    recall: Mapping[str, float]
    tuning: Tuning
    attributes: Mapping[str, Any]
    schema: Schema
    files: Mapping[str, str]

    def to_json(self) -> bytes:
        """Give the bytes of ``manifest.json``."""
        said = {
            "format": FORMAT,
            "id": self.id,
            "encoder": self.encoder,
            "items": self.items,
            "views": self.views,
            "rejected": self.rejected,
            "dimensions": self.dimensions,
            "recall": dict(self.recall),
            "budget": asdict(self.tuning),
            "attributes": dict(self.attributes),
            "schema": self.schema.to_json(),
            "files": dict(self.files),
        }
        plain = json.loads(json.dumps(said))
        return json.dumps({**plain, CHECK: _check(plain)}, indent=1).encode()

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read ``manifest.json``.

        Raises
        ------
        CorruptArtefactError
            If it is not of this form or format, or its own sha256 is another.
        """
        try:
            raw: dict[str, Any] = json.loads(data)
            if raw.pop(CHECK) != _check(raw):
                raise CorruptArtefactError("manifest.json has not the sha256 that it says of itself.")
            if raw["format"] != FORMAT:
                raise CorruptArtefactError(
                    f"manifest.json has format {raw['format']}, this version reads {FORMAT}: rebuild."
                )
            tuning = raw["budget"]
            return cls(
                id=raw["id"],
                encoder=raw["encoder"],
                items=int(raw["items"]),
                views=int(raw["views"]),
                rejected=int(raw["rejected"]),
                dimensions=int(raw["dimensions"]),
                recall=raw["recall"],
                tuning=Tuning(
                    tuple(Probe(**probe) for probe in tuning["efforts"]),
                    tuning["graph"],
                    tuning["expansion"],
                    tuning["reason"],
                ),
                attributes=dict(raw["attributes"]),
                schema=parse_schema(json.dumps(raw["schema"]).encode()),
                files=dict(raw["files"]),
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise CorruptArtefactError(f"manifest.json is not of the documented form: {error!r}.") from error


def _check(said: Mapping[str, Any]) -> str:
    """Hash what a manifest says (hex): all else is verified by what stands in it."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
