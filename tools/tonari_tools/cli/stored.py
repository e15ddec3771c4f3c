"""``tonari encoder list | show | use | export``: the encoders that the artefact bucket holds."""

from __future__ import annotations

import json
from argparse import Namespace

from tonari.encoders.image import EncoderConfig
from tonari.encoders.store import CONFIG, MODEL, fetch_encoder, find_encoder, list_encoders
from tonari.snapshots.head import Head, read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari_tools.cli.buckets import artefact_bucket
from tonari_tools.cli.tables import align
from tonari_tools.cli.where import target_of
from tonari_tools.models.report import megabytes, say_framing, say_input, say_values

SHORT = 12


def show_all(arguments: Namespace) -> None:
    """List the encoders, what answers and what the next rebuild uses marked."""
    bucket = _bucket(arguments)
    head = read_head(bucket).head
    rows = [["id", "state", "name", "dimensions", "size"]]
    for stored in list_encoders(bucket):
        config = EncoderConfig.parse(stored.config)
        rows.append(
            [stored.id[:SHORT], _state(head, stored.id), config.name, str(config.dimensions), megabytes(stored.size)]
        )
    print(align(rows) if len(rows) > 1 else f"s3://{bucket.name} has no encoder yet: tonari init uploads the default.")


def show(arguments: Namespace) -> None:
    """Say all of one encoder: its ``encoder.json`` too."""
    bucket = _bucket(arguments)
    name = find_encoder(bucket, arguments.id)
    model, raw = fetch_encoder(bucket, name)
    config = EncoderConfig.parse(raw)
    rows = [
        ["encoder", name],
        ["state", _state(read_head(bucket).head, name) or "not in use"],
        ["name", config.name],
        ["input", f"{config.input_name}: {say_input(config)}"],
        ["framing", say_framing(config.framing)],
        ["values", say_values(config.form)],
        ["output", f"{config.output_name}: {config.dimensions} dimensions"],
        ["size", megabytes(len(model))],
    ]
    print(f"{align(rows)}\n\n{raw.decode(json.detect_encoding(raw)).rstrip()}")


def use(arguments: Namespace) -> None:
    """Choose the encoder of the next rebuild."""
    bucket = _bucket(arguments)
    name = find_encoder(bucket, arguments.id)
    use_encoder(bucket, name)
    print(f"encoder {name}: the next rebuild switches to it (tonari rebuild); until then nothing changes")


def export(arguments: Namespace) -> None:
    """Write an encoder's two files into a folder."""
    bucket = _bucket(arguments)
    name = find_encoder(bucket, arguments.id)
    model, config = fetch_encoder(bucket, name)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for file, data in ((MODEL, model), (CONFIG, config)):
        (arguments.folder / file).write_bytes(data)
        print(f"{arguments.folder / file}  {len(data):,} bytes")


def _bucket(arguments: Namespace) -> Bucket:
    return artefact_bucket(target_of(arguments))


def _state(head: Head, name: str) -> str:
    states = {"live": head.encoder, "next": head.next_encoder}
    return ", ".join(state for state, encoder in states.items() if encoder == name)
