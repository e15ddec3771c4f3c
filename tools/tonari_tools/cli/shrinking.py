"""What ``tonari encoder shrink`` does: weights stored smaller, the loss measured, files written."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from tonari.errors import InvalidRequestError
from tonari_tools.cli.encoder_files import write_encoder
from tonari_tools.models.check import Examined
from tonari_tools.models.texts.bundle_folder import write_bundle
from tonari_tools.models.texts.examine_texts import ExaminedWords
from tonari_tools.onnx.agreement import find_photographs
from tonari_tools.onnx.sample_texts import find_texts
from tonari_tools.onnx.shrinking import report, shrink
from tonari_tools.onnx.shrinking_words import report_words_shrunk, shrink_words

MOST_REJECTED = 3


def shrink_pictures(examined: Examined, folder: Path, photos: Path | None, texts: Path | None, *, static: bool) -> None:
    """Shrink an encoder of pictures.

    Raises
    ------
    InvalidRequestError
        If texts were given.
    InvalidCatalogueError
        If there are too few pictures.
    InvalidEncoderError
        If it cannot be shrunk.
    """
    if texts:
        raise InvalidRequestError(f"{examined.files.path} takes no texts: --texts has no place, leave it out.")
    shrunk = shrink(examined, find_photographs(photos, calibrate=static))
    write_encoder(folder, shrunk.model, shrunk.config)
    click.echo(report(examined, shrunk))
    for name, why in list(shrunk.rejected.items())[:MOST_REJECTED]:
        click.echo(f"tonari: passed over {name}: {why}", err=True)


def shrink_texts(
    examined: ExaminedWords, folder: Path, photos: Path | None, texts: Path | None, *, static: bool
) -> None:
    """Shrink an encoder of texts, or of pictures and texts; raises what :func:`shrink_pictures` does."""
    if static:
        raise InvalidRequestError(
            "--static is for encoders of pictures: transformers, as those of texts are, lose too much. Leave it out."
        )
    shrunk = shrink_words(examined, find_texts(texts), find_photographs(photos, calibrate=False))
    write_bundle(folder, shrunk.bundle)
    click.echo(report_words_shrunk(examined, shrunk))
