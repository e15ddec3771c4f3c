"""The encoders that ``tonari encoder pull`` knows by name.

Names of files and licences are those of the repositories' own pages. A revision or a sha256 stands here only where
somebody has seen it; what is None is found out by the first pull and kept in the lock file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tonari.errors import InvalidRequestError

Kind = Literal["text", "joint"]


@dataclass(frozen=True, slots=True)
class KnownEncoder:
    """A published encoder.

    Parameters
    ----------
    kind
        Texts alone, or pictures and texts in one space.
    repository
        Its owner and name at the hub.
    files
        What is fetched.
    perhaps
        What is fetched if it is there.
    licence
        As the model's authors state it; the hub's own word is shown beside it.
    about
        For people: languages, size, what to mind.
    options
        Of ``check``, ``add`` and ``shrink``: what no file of the repository says.
    revision
        The commit it is held to; None if the first pull is to find it out.
    sha256
        Of its files, as far as they are known, by name.
    """

    name: str
    kind: Kind
    repository: str
    files: tuple[str, ...]
    licence: str
    about: str
    perhaps: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    revision: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)


WORDS = ("tokenizer.json", "tokenizer_config.json", "config.json")
SENTENCES = ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "config_sentence_transformers.json")
HALVES = ("onnx/vision_model.onnx", "onnx/text_model.onnx")
QUANTISED_HALVES = ("onnx/vision_model_quantized.onnx", "onnx/text_model_quantized.onnx")
DATA = ("onnx/vision_model.onnx_data", "onnx/text_model.onnx_data", "onnx/model.onnx_data")
PICTURES = ("preprocessor_config.json",)
PROCESSOR = ("processor_config.json",)

KNOWN: tuple[KnownEncoder, ...] = (
    KnownEncoder(
        "clip-vit-base-patch32",
        "joint",
        "Xenova/clip-vit-base-patch32",
        (*HALVES, *PICTURES, *WORDS),
        "MIT",
        "OpenAI CLIP ViT-B/32, English, 512 dimensions",
        (*DATA, *PROCESSOR),
    ),
    KnownEncoder(
        "siglip2-base",
        "joint",
        "onnx-community/siglip2-base-patch16-224-ONNX",
        (*QUANTISED_HALVES, *PICTURES, *WORDS),
        "Apache-2.0",
        "Google SigLIP 2 base, many languages, 768 dimensions",
        PROCESSOR,
    ),
    KnownEncoder(
        "marqo-fashion-siglip",
        "joint",
        "Marqo/marqo-fashionSigLIP",
        (*HALVES, *PICTURES, *WORDS),
        "Apache-2.0",
        "Marqo-FashionSigLIP, fashion, English, 768 dimensions",
        (*DATA, *PROCESSOR),
    ),
    KnownEncoder(
        "fashion-clip",
        "joint",
        "patrickjohncyh/fashion-clip",
        ("onnx/model.onnx", *PICTURES, *WORDS),
        "MIT",
        "FashionCLIP, fashion, English, 512 dimensions; one graph, which is cut in two",
        (*DATA, *PROCESSOR),
    ),
    KnownEncoder(
        "multilingual-e5-small",
        "text",
        "intfloat/multilingual-e5-small",
        ("onnx/model.onnx", *WORDS),
        "MIT",
        "about 100 languages, Japanese too, 384 dimensions, 512 tokens",
        (*SENTENCES, *DATA),
        ("--query-prefix", "query: ", "--passage-prefix", "passage: "),
    ),
    KnownEncoder(
        "ruri-v3-30m",
        "text",
        "cl-nagoya/ruri-v3-30m",
        ("onnx/model.onnx", *WORDS),
        "Apache-2.0",
        "Japanese, 256 dimensions, 8,192 tokens; where the repository has no graph, export it",
        (*SENTENCES, *DATA),
        ("--query-prefix", "検索クエリ: ", "--passage-prefix", "検索文書: "),
    ),
    KnownEncoder(
        "bge-m3",
        "text",
        "Xenova/bge-m3",
        ("onnx/model_quantized.onnx", *WORDS),
        "MIT",
        "about 100 languages, 1,024 dimensions, 8,192 tokens; 568 million weights, too large for a function",
        (*SENTENCES, *DATA),
        ("--pooling", "first"),
    ),
)


def find_known(name: str) -> KnownEncoder:
    """Find a published encoder by its name.

    Raises
    ------
    InvalidRequestError
        If none is called so.
    """
    for one in KNOWN:
        if one.name == name:
            return one
    raise InvalidRequestError(f"No encoder is known as {name}; there are {', '.join(one.name for one in KNOWN)}.")
