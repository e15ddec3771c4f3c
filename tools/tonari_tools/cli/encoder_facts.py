"""What ``tonari encoder show`` tells of an encoder's files."""

from __future__ import annotations

from tonari.contract.encoder import PartedEncoder
from tonari.encoders.bundle import Bundle
from tonari.encoders.image import EncoderConfig
from tonari_tools.models.check import megabytes, say_framing, say_input, say_values
from tonari_tools.models.texts.words_report import say_text


def tell_facts(bundle: Bundle) -> list[tuple[str, str]]:
    """Name an encoder, say what it takes and gives, and how large it is."""
    about = bundle.about
    size = sum(len(data) for name, data in bundle.files.items() if name.endswith(".onnx"))
    end = ("size", megabytes(size))
    if not isinstance(about, PartedEncoder):
        return [("name", about.name), *_tell_pictures(EncoderConfig.of(about, about)), end]
    rows = [("name", about.name)]
    if about.image:
        rows += _tell_pictures(EncoderConfig.of(about, about.image))
    if about.text:
        rows += [(name, value) for name, value in say_text(about.text)]
        rows.append(("text output", f"{about.text.output.name}: {about.dimensions} dimensions"))
    return [*rows, end]


def _tell_pictures(config: EncoderConfig) -> list[tuple[str, str]]:
    return [
        ("input", f"{config.input_name}: {say_input(config)}"),
        ("framing", say_framing(config.framing)),
        ("values", say_values(config.form)),
        ("output", f"{config.output_name}: {config.dimensions} dimensions"),
    ]
