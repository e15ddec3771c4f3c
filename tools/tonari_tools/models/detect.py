"""What a model says of itself -> its ``encoder.json``, each decision with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tonari.encoders.onnx import TensorInfo
from tonari.errors import InvalidEncoderError
from tonari_tools.models.graph_ends import choose_input, choose_output
from tonari_tools.models.model_file import ModelFiles, Read
from tonari_tools.models.preprocessing import FRAMING, VALUES, choose_preprocessing, find_source
from tonari_tools.models.published.overrides import MOST_MEAN, MOST_STD, NOTHING, Overrides, override_config
from tonari_tools.models.published.settings import Guess, Preprocessing, Size, Source, UnusableError, read_size
from tonari_tools.models.published.settings_files import CONFIG, ENCODER, Beside, read_object

METADATA = "the model's metadata"
IN_METADATA = ("preprocessor_config", "processor_config", "open_clip_config", "pretrained_cfg")
"""Members of ``metadata_props`` in which a whole file of settings may stand."""
WHITE = [255, 255, 255]
MOST_TELLING = 5
USUAL_STEMS = frozenset({"model", "vision_model"})
"""Names of files that say nothing of which model it is."""
"""Files that are named in a warning."""
PARTS: Mapping[str, frozenset[str]] = {
    "input": frozenset({"--layout"}),
    "framing": FRAMING,
    "values": VALUES,
    "output": frozenset({"--output"}),
}
"""What is decided, and the options that say it."""


@dataclass(frozen=True, slots=True)
class Detected:
    """An ``encoder.json``, and how it came about.

    Parameters
    ----------
    config
        Its bytes.
    found
        Per decision, what it rests on.
    used
        Names of the files beside the model that were read for it.
    warnings
        What was guessed or is doubtful, each a sentence.
    """

    config: bytes
    found: Mapping[str, str]
    used: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def detect(
    files: ModelFiles,
    read: Read,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    sha256: str,
    said: Overrides = NOTHING,
) -> Detected:
    """Make an ``encoder.json`` for a model, or take the one that was given.

    Looked at in this order: what the user says, ``encoder.json``, other settings that are given, the model's own
    metadata, ``processor_config.json``, ``preprocessor_config.json``, ``open_clip_config.json``, timm's
    ``pretrained_cfg`` in ``config.json``, the shape and type of the input.

    Parameters
    ----------
    sha256
        Of the model (hex), recorded.

    Raises
    ------
    InvalidEncoderError
        If something is missing or cannot be done.
    """
    if files.encoder is not None:
        return _given(files.encoder, said, files.given.name if files.given else ENCODER)
    given = choose_input(inputs, said.layout)
    output = choose_output(outputs, read.metadata.get("embedding_output"), said.output)
    named = list(_sources(files, read))
    sources = [source for _, source in named]
    likely = None if sources else _likely_size(files)
    chosen = choose_preprocessing(sources, said, given, likely)
    about = chosen.preprocessing
    raw = given.dtype == "uint8"
    found = {"input": given.reason, **chosen.found, "output": output.reason}
    config: dict[str, Any] = {
        "format": 2,
        "name": read.metadata.get("name") or _name(files),
        "input": {
            "name": given.name,
            "dtype": given.dtype,
            "layout": given.layout,
            "channels": about.channels,
            "height": about.size[0],
            "width": about.size[1],
            **({} if raw else {"mean": list(about.mean), "std": list(about.std)}),
        },
        "preprocessing": {
            "version": 2,
            "resize": dict(about.resize),
            "resample": about.resample,
            "background": WHITE,
            **({"cut": about.rounding} if about.rounding == "even" else {}),
        },
        "output": {"name": output.name},
        "dimensions": output.dimensions,
        "metric": "cosine",
        "found": found,
        "model_sha256": sha256,
        **{name: read.metadata[name] for name in ("source", "licence", "license") if name in read.metadata},
    }
    used = (*(name for name, _ in named if name), *([CONFIG] if likely else []))
    warnings = (
        *_guessed((*given.guesses, *about.guesses, *output.guesses)),
        *chosen.contradictions,
        *output.warnings,
        *(() if raw else _unlikely(about)),
        *(() if sources else _telling(files.beside)),
    )
    return Detected((json.dumps(config, indent=2) + "\n").encode(), found, used, warnings)


def _given(data: bytes, said: Overrides, name: str) -> Detected:
    """Take an ``encoder.json``: as it stands, but for what the user says."""
    found = dict.fromkeys(PARTS, "encoder.json")
    flags = said.flags()
    if not flags:
        return Detected(data, found, (name,))
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidEncoderError(f"encoder.json is not JSON ({error!s:.100}): mend it, or take it away.") from error
    if not isinstance(raw, dict) or not all(isinstance(raw.get(part, {}), dict) for part in ("input", "preprocessing")):
        raise InvalidEncoderError("encoder.json is not of the documented form: mend it, or take it away.")
    found = {part: _but_for("encoder.json", part, flags) for part in PARTS}
    before = raw.get("found")
    why = {part: _but_for(before.get(part), part, flags) for part in PARTS} if isinstance(before, dict) else found
    changed = {**override_config(raw, said), "found": why}
    return Detected((json.dumps(changed, indent=2, ensure_ascii=False) + "\n").encode(), found, (name,))


def _but_for(reason: object, part: str, flags: Sequence[str]) -> str:
    said = [flag for flag in flags if flag in PARTS[part]]
    return f"{reason or 'encoder.json'}{', but for ' if said else ''}{', '.join(said)}"


def _unlikely(about: Preprocessing) -> Iterator[str]:
    """Warn of a mean that no pixel between 0 and 1 can have."""
    if max(map(abs, about.mean)) > MOST_MEAN or max(about.std) > MOST_STD:
        yield (
            f"{about.source} has mean {about.mean[0]:.4g} and deviation {about.std[0]:.4g}, as if for pixels of 0 to "
            "255, but divides pixels by 255 too: say --mean and --std on the scale of 0 to 1."
        )


def _telling(beside: Beside) -> Iterator[str]:
    """Warn of files that seem to say what had to be guessed."""
    telling = beside.telling()
    known = [path for path in telling.values() if path.suffix.lower() == ".json" and _is_settings(path)]
    if known:
        yield f"{known[0].name} seems to say how pictures are prepared, but was not read: --config {known[0]} reads it."
    elif telling:
        more = len(telling) - MOST_TELLING
        names = ", ".join(list(telling)[:MOST_TELLING]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"what prepares pictures may stand in {names}, which cannot be read here: say it with --resize, --crop, "
            "--mean and --std."
        )


def _is_settings(path: Path) -> bool:
    try:
        return find_source(read_object(path), path.name) is not None
    except InvalidEncoderError:
        return False


def _guessed(guesses: Sequence[Guess]) -> Iterator[str]:
    """Say in one sentence what was guessed, and by which options it is said instead."""
    if guesses:
        listed = "; ".join(f"{guess.what} (say it with {guess.flags})" for guess in guesses)
        yield f"guessed, because no file says it: {listed}."


def _name(files: ModelFiles) -> str:
    architecture = files.beside.settings.get(CONFIG, {}).get("architecture")
    folder, stem = files.path.absolute().parent, files.path.stem
    of_model = folder.parent if folder.name == "onnx" else folder  # as on the Hugging Face hub
    return str(architecture or (of_model.name if stem in USUAL_STEMS else stem))


def _sources(files: ModelFiles, read: Read) -> Iterator[tuple[str | None, Source]]:
    """Give all that speaks of pictures, what is believed most first; and the file it stands in."""
    model_type = str(files.beside.settings.get(CONFIG, {}).get("model_type", ""))
    if files.given:
        source = find_source(read_object(files.given), files.given.name, model_type)
        if source is None:
            raise InvalidEncoderError(
                f"{files.given} says nothing of how pictures are prepared: give an encoder.json, or settings of "
                "transformers, timm or open_clip."
            )
        yield files.given.name, source
    metadata = {name: _decoded(value) for name, value in read.metadata.items()}
    for member in IN_METADATA:
        inner = metadata.get(member)
        if isinstance(inner, dict) and (source := find_source(inner, f"{member} in {METADATA}", model_type)):
            yield None, source
    flat = len(metadata.keys() & FLAT) > 1 and not metadata.keys() & set(IN_METADATA)
    if flat and (source := find_source(metadata, METADATA, model_type)):
        yield None, source
    for name, raw in files.beside.settings.items():
        if source := find_source(raw, name, model_type):
            yield name, source


FLAT = frozenset(
    {"size", "crop_size", "resample", "image_mean", "image_std", "do_center_crop", "do_normalize", "do_rescale"}
)
"""Members of a processor that may stand in the metadata one by one."""


def _likely_size(files: ModelFiles) -> tuple[Size, str] | None:
    """Look for the size of pictures in the ``config.json`` of transformers."""
    config = files.beside.settings.get(CONFIG, {})
    vision = config.get("vision_config")
    given = config.get("image_size") or (vision.get("image_size") if isinstance(vision, dict) else None)
    try:
        return (read_size(given, "image_size"), f"image_size in {CONFIG}") if given else None
    except UnusableError:
        return None


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
