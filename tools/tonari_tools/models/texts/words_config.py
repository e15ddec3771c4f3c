"""``encoder.json`` of format 3, made of what was found of texts and of pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tonari.errors import InvalidEncoderError
from tonari_tools.models.check import Examined
from tonari_tools.models.model_file import Loaded
from tonari_tools.models.texts.bundle_folder import FORMAT
from tonari_tools.models.texts.text_ends import TextInputs, TextOutput
from tonari_tools.models.texts.text_files import CONFIG, TextFiles
from tonari_tools.models.texts.text_settings import TextSettings

PICTURE_GRAPH, TEXT_GRAPH, TOKENIZER = "vision_model.onnx", "text_model.onnx", "tokenizer.json"
UNPROJECTED = "pooler_output"


def text_part(inputs: TextInputs, output: TextOutput, settings: TextSettings) -> dict[str, Any]:
    """Write down how texts are encoded."""
    return {
        "graph": TEXT_GRAPH,
        "tokenizer": TOKENIZER,
        "inputs": {"ids": inputs.ids, "mask": inputs.mask, "types": inputs.types},
        "output": {"name": output.name},
        "pooling": settings.pooling,
        "max_tokens": settings.max_tokens,
        "pad_to": settings.pad_to,
        "prefixes": {"query": settings.query_prefix, "passage": settings.passage_prefix},
        "lower": settings.lower,
    }


def check_one_space(half: Examined, texts: TextOutput, kind: str) -> None:
    """Refuse halves that do not lie in one space, as far as their ends tell."""
    about = json.loads(half.config)
    if about["dimensions"] != texts.dimensions:
        raise InvalidEncoderError(
            f"The graph for pictures gives {about['dimensions']} dimensions, that for texts {texts.dimensions}: they "
            "do not lie in one space; export both with their projections (image_embeds, text_embeds)."
        )
    outputs = (about["output"]["name"], texts.name)
    unprojected = [name == UNPROJECTED for name in outputs]
    if any(unprojected) and (not all(unprojected) or kind.startswith(("clip", "chinese_clip"))):
        raise InvalidEncoderError(
            f"The output for pictures is {outputs[0]}, that for texts {outputs[1]}: {UNPROJECTED} lies before the "
            "projection into the common space; export both with their projections (image_embeds, text_embeds)."
        )


def write_config(
    path: Path,
    files: TextFiles,
    output: TextOutput,
    part: Mapping[str, Any],
    half: Examined | None,
    found: Mapping[str, str],
    loaded: Loaded,
) -> bytes:
    """Give the bytes of ``encoder.json``; ``path`` is that of the graph for texts, ``found`` by what was decided."""
    image = json.loads(half.config) if half else {}
    kept = {name: image[name] for name in ("input", "preprocessing", "output")} if image else {}
    metadata = loaded.read.metadata
    about = {
        "format": FORMAT,
        "name": metadata.get("name") or _name(path, files),
        "dimensions": output.dimensions,
        "metric": "cosine",
        **({"image": {"graph": PICTURE_GRAPH, **kept}} if image else {}),
        "text": part,
        "found": {"text": dict(found), **({"image": image["found"]} if "found" in image else {})},
        "sha256": {
            TEXT_GRAPH: hashlib.sha256(loaded.data).hexdigest(),
            **({PICTURE_GRAPH: hashlib.sha256(half.model).hexdigest()} if half else {}),
        },
        **{name: metadata[name] for name in ("source", "licence", "license") if name in metadata},
    }
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()


def _name(path: Path, files: TextFiles) -> str:
    said = files.say(CONFIG, "_name_or_path")
    folder = path.absolute().parent
    folder = folder.parent if folder.name == "onnx" else folder
    return folder.name or str(said or path.stem)
