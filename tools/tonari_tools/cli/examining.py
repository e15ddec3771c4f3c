"""What ``tonari encoder check|add|shrink`` are given -> an encoder that was tried, of pictures, texts or both."""

from __future__ import annotations

from tonari.encoders.bundle import Bundle
from tonari.errors import InvalidEncoderError, InvalidRequestError
from tonari_tools.cli.model_options import GivenModel
from tonari_tools.models.check import Examined, examine, report
from tonari_tools.models.model_file import MOST_BYTES
from tonari_tools.models.texts.bundle_folder import read_bundle
from tonari_tools.models.texts.examine_texts import ExaminedWords, examine_stored, examine_words, tell_kind
from tonari_tools.models.texts.layout import find_layout
from tonari_tools.models.texts.words_report import report_words


def examine_model(given: GivenModel, photo: bytes | None = None) -> Examined | ExaminedWords:
    """Find out what a model is, and try it, with ``photo`` if it takes pictures.

    Raises
    ------
    InvalidEncoderError
        If it cannot serve.
    InvalidRequestError
        If an option has no place.
    """
    model, said, said_of_texts = given.path, given.said, given.said_of_texts
    stored = read_bundle(model) if given.config is None and given.vision is None else None
    if stored is not None:
        if flags := (*said.flags(), *said_of_texts.flags()):
            raise InvalidRequestError(
                f"{model} holds an encoder whose encoder.json says all: {', '.join(flags)} has no place; "
                "change the file, or add the model that it was made from."
            )
        return examine_stored(stored, model)
    kind = tell_kind(find_layout(model, given.vision))
    if kind != "pictures":
        return examine_words(model, said_of_texts, said, config=given.config, photo=photo, pictures=given.vision)
    if flags := said_of_texts.flags():
        raise InvalidRequestError(f"{model} takes no texts: {', '.join(flags)} has no place, leave it out.")
    return examine(model, given.config, photo, said)


def report_on(examined: Examined | ExaminedWords) -> str:
    """Say what was found, why, and how it did."""
    return report(examined) if isinstance(examined, Examined) else report_words(examined)


def bundle_of(examined: Examined | ExaminedWords) -> Bundle:
    """Give the files of an encoder, to be stored.

    Raises
    ------
    InvalidEncoderError
        If they are larger than a function can hold.
    """
    if isinstance(examined, Examined):
        return Bundle.of_pictures(examined.model, examined.config)
    if examined.size > MOST_BYTES:
        raise InvalidEncoderError(
            f"Its files have {examined.size:,} bytes, the limit is {MOST_BYTES:,} that a function can hold: tonari "
            "encoder shrink stores the weights in int8; add what it writes."
        )
    return examined.bundle
