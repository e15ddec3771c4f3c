"""``tonari encoder check | add``: a model of any origin, tried, and uploaded."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from tonari.encoders.store import save_encoder
from tonari.errors import InvalidRequestError
from tonari_tools.cli.buckets import artefact_bucket
from tonari_tools.cli.where import target_of
from tonari_tools.models.examine import examine
from tonari_tools.models.report import report


def check(arguments: Namespace) -> None:
    """Say what a model is and does."""
    print(report(examine(arguments.model, arguments.config, _photo(arguments.photo))))


def add(arguments: Namespace) -> None:
    """Check a model and upload it; the id alone goes to standard output."""
    examined = examine(arguments.model, arguments.config)
    print(report(examined), file=sys.stderr)
    bucket = artefact_bucket(target_of(arguments))
    print(save_encoder(bucket, examined.model, examined.config))


def _photo(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from error
