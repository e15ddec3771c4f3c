"""The encoder of texts: a tokenizer and an ONNX graph, which turn a text into a unit vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Never

import numpy as np
from numpy.typing import NDArray

from tonari.contract.encoder import Pooling, TextPart
from tonari.encoders.onnx import Session
from tonari.encoders.port import EncodedTexts, Modality, Role
from tonari.encoders.tokens import Tokenizer, Tokens
from tonari.errors import InvalidEncoderError, InvalidTextError, RequestError, UnsupportedQueryError
from tonari.images.framing import Region

TOGETHER: Final = 8
"""Texts that go through the graph at once, of those that have the same number of tokens."""
LEAST_COSINE: Final = 0.9999
"""Between embeddings of a text alone and among others, below which each goes through the graph alone."""
TRIED: Final = 6
"""Tokens of each text that is drawn up to try that."""


class TextEncoder:
    """An encoder of texts, ready to run.

    Texts of one length go through the graph together: of int8 MiniLM embeddings stay the same to the last bit then, and
    234 titles a second are encoded instead of 163, or 49 passages instead of 47. Filling up short texts is hardly
    quicker, and changes embeddings where a graph quantises what it computes (cosine 0.98 for MiniLM quantised
    dynamically). A graph that mixes up texts of one length all the same, which is tried once, gets them one by one.

    Parameters
    ----------
    threads
        That one inference may use.

    Raises
    ------
    InvalidEncoderError
        If graph and tokenizer cannot serve, or do not belong together.
    """

    modalities: Final = frozenset[Modality]({"text"})

    def __init__(
        self, name: str, dimensions: int, part: TextPart, graph: Path, tokenizer: Path, threads: int = 1
    ) -> None:
        self.name, self.dimensions, self.part = name, dimensions, part
        inputs = tuple(one for one in (part.inputs.ids, part.inputs.mask, part.inputs.types) if one is not None)
        self._session = Session(graph, inputs, part.output.name, threads, InvalidTextError)
        self._dtypes = {one: _integers(one, self._session.kind(one)) for one in inputs}
        self._tokenizer = Tokenizer(tokenizer, part)
        self._filling = self._tokenizer.filling
        self._prefixes: dict[Role, str] = {"query": part.prefixes.query, "passage": part.prefixes.passage}
        self._bare = {role: self._read_prefix(role) for role in self._prefixes}
        self._together: int | None = None
        self._check_vocabulary()

    def encode(self, data: bytes, region: Region | None = None) -> Never:  # noqa: ARG002
        """Refuse: see :meth:`tonari.encoders.port.Encoder.encode`."""
        raise UnsupportedQueryError(
            f"The encoder {self.name} encodes texts and no pictures: ask by 'text', or use an encoder of pictures."
        )

    def encode_texts(self, texts: Sequence[str], role: Role) -> EncodedTexts:
        """Encode texts: see :meth:`tonari.encoders.port.Encoder.encode_texts`."""
        prefix = self._prefixes[role]
        read = self._tokenizer.read([prefix + text for text in texts])
        for text, tokens in zip(texts, read, strict=True):
            if not text.strip() or tokens.numbers in ((), self._bare[role]):
                raise InvalidTextError(
                    f"The encoder {self.name} finds no word in the text {text!r:.60}: write another."
                )
        embeddings = np.empty((len(texts), self.dimensions), np.float32)
        for batch in self._batches(read):
            embeddings[batch] = self._embed([read[number] for number in batch])
        lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1)
        bad = np.flatnonzero(~np.isfinite(lengths) | (lengths == 0))
        if len(bad):
            raise InvalidTextError(
                f"The encoder {self.name} gives a vector with NaN, infinity or no length for the text "
                f"{texts[bad[0]]!r:.60}: if it does so for many, replace the encoder."
            )
        embeddings /= lengths[:, None]
        return EncodedTexts(embeddings, np.array([one.cut for one in read], np.bool_))

    def _read_prefix(self, role: Role) -> tuple[int, ...]:
        """Give the tokens of a prefix alone, which are those of a text without any of its own."""
        prefix = self._prefixes[role]
        (tokens,) = self._tokenizer.read([prefix]) if prefix else (Tokens((), cut=False),)
        if len(tokens.numbers) >= self.part.max_tokens:
            raise InvalidEncoderError(
                f"The prefix {prefix!r:.60} takes all {self.part.max_tokens} tokens of a text ('max_tokens' of "
                "encoder.json): raise that, or shorten the prefix."
            )
        return tokens.numbers

    def _batches(self, read: Sequence[Tokens]) -> Iterator[list[int]]:
        """Part texts into batches of one length: numbers of texts."""
        by_length: dict[int, list[int]] = {}
        for number, tokens in enumerate(read):
            by_length.setdefault(self.part.pad_to or len(tokens.numbers), []).append(number)
        for numbers in by_length.values():
            size = self._most_together() if len(numbers) > 1 else 1
            for start in range(0, len(numbers), size):
                yield numbers[start : start + size]

    def _embed(self, batch: Sequence[Tokens]) -> NDArray[np.float32]:
        """Run the graph on texts of one length, (n, D), not yet of length 1."""
        length = self.part.pad_to or len(batch[0].numbers)
        ids = np.full((len(batch), length), self._filling, np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens.numbers)] = tokens.numbers
            mask[row, : len(tokens.numbers)] = 1
        given = {self.part.inputs.ids: ids, self.part.inputs.mask: mask, self.part.inputs.types: np.zeros_like(ids)}
        feeds = {name: given[name].astype(dtype) for name, dtype in self._dtypes.items()}
        output = _pooled(self._session.run(feeds), mask, self.part.pooling)
        if output.shape != (len(batch), self.dimensions):
            raise InvalidEncoderError(
                f"The graph gives {output.shape} for {len(batch)} texts with pooling {self.part.pooling!r}, "
                f"encoder.json promises ({len(batch)}, {self.dimensions})."
            )
        return output

    def _check_vocabulary(self) -> None:
        """Run the token with the highest number: a graph that has fewer fails on it."""
        last = self._tokenizer.vocabulary - 1
        if last < 0:
            raise InvalidEncoderError("The tokenizer has no tokens: take that of the model.")
        try:
            self._embed([Tokens((last,), cut=False)])
        except RequestError as error:
            raise InvalidEncoderError(
                f"The tokenizer has {last + 1:,} tokens, and the graph fails on the last of them: they do not belong "
                f"together, take the tokenizer of the model. {error.detail:.300}"
            ) from error

    def _most_together(self) -> int:
        """Give how many texts may go through the graph at once: learned when first asked, for a query never does."""
        if self._together is None:
            self._together = self._learn_together()
        return self._together

    def _learn_together(self) -> int:
        """Try whether texts have the same embeddings among others as alone."""
        length = min(TRIED, self.part.max_tokens)
        drawn = np.random.default_rng(0).integers(self._tokenizer.vocabulary, size=(TOGETHER, length))
        tried = [Tokens(tuple(numbers), cut=False) for numbers in drawn.tolist()]
        try:
            alone = np.concatenate([self._embed([one]) for one in tried]).astype(np.float64)
            among = self._embed(tried).astype(np.float64)
        except (InvalidEncoderError, RequestError):
            return 1
        lengths = np.linalg.norm(alone, axis=1) * np.linalg.norm(among, axis=1)
        return TOGETHER if ((alone * among).sum(axis=1) >= LEAST_COSINE * lengths).all() else 1


def _integers(name: str, kind: str) -> type[np.int32 | np.int64]:
    found: dict[str, type[np.int32 | np.int64]] = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
    if kind not in found:
        raise InvalidEncoderError(f"The graph's input {name!r} is {kind}; that of texts is int32 or int64.")
    return found[kind]


def _pooled(output: NDArray[np.float32], mask: NDArray[np.int64], pooling: Pooling) -> NDArray[np.float32]:
    """Make one vector of those of the tokens: (n, T, D) -> (n, D)."""
    if pooling == "none" or output.ndim != 3 or output.shape[:2] != mask.shape:
        return output
    if pooling == "first":
        return output[:, 0]
    if pooling == "last":
        return np.asarray(output[np.arange(len(output)), mask.sum(axis=1) - 1])
    weights = (mask / mask.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.asarray(np.einsum("nt,ntd->nd", weights, output))
