"""Canaries: questions whose answers are stored with a snapshot, and asked of it before it serves.

A sha256 tells that a file is the one that was written. Canaries tell that the files belong together: that a vector is
still the one of its item, that the graph is of these codes, that class weights and encoder are those of these vectors.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonari.attributes import AttributeModel, by_weights
from tonari.contract.artefacts import CanariesHeader, CanaryAnswer, CanaryPrediction
from tonari.contract.requests import Method
from tonari.encoders.port import Encoder
from tonari.errors import CorruptArtefactError, InvalidTextError
from tonari.index.bounds import demand, spread
from tonari.index.planner import find
from tonari.index.vectors import Views, from_codes, from_fixed, to_fixed
from tonari.snapshots.table import Table
from tonari.storage.packing import Packed

QUERIES = 12
ITEMS, VIEWS = 200, 100
K = 10
RANGE = 600
"""Items in the range by which scans are tried."""
STAYS = 0.8
"""Cosine between every other query and the view from which it was turned away: no item is where it asks."""
METHODS: tuple[Method, ...] = ("means", "discriminant")
SCORE_TOLERANCE = 1e-5
PREDICTION_TOLERANCE = 0.01
LEAST_FOUND = 0.9
"""Share of the stored answers that cells or a graph must find again; roundings of another machine cost a few."""
LEAST_COSINE = 0.99
"""Of the canary picture's embeddings: quantised encoders differ a little from one kind of processor to another. And of
rotated embeddings with their codes, which are rounded."""

PICTURE = base64.b85decode(
    "iBL{Q4GJ0x0000DNk~Le0001B0001B1Oos701&on3jhEB6;Mo6MgRZ*@a*L9v=k_UMjTqIz8)<K3JT9Hs9pd70i#JoK~#9!?N~uh#4rrBlkO48Jc1KK"
    "va}!IzyrAOO1{92bEUih@q^_90WP~FP3+cg7YU^8sdX|t8IS8Ui`U@00$cz<XJ;6ukBH59WB?fJ8B^ns4&8K^Ktd~lr1`KnX(;n6#1w!4l?bkfc$p!J"
    "PeFAd@)W<<7)V-B34}(%idsTRL5T!S0{1`8N|s0_IL3lgg6acn!O%;<H4IUW20;S-);mq6Yz0S>0JsL=hQ3550BvAE3jkpQ!`$+MQ$lH#hi&aXso_7k"
    "0}TKG4}DzBK|be_NXy;X7*LU*Gmzruu{56L6yA3PtM}=re&p*ztS_Ab8x`YXX<(nC1q~z>{2ZWO)M%>Kf*9K@$v*5JuU^})nPDOAc{Ka*f4(Y*#ThsG"
    "=l1j6!oVysXg&ZyVyA}e_koiyODQ_jnkSpE#fRiIE=RZ1?D3(o!o*O^w!IJO&Rea~38>a&WGHSM0oihXkli-<pdUC4YcltxliTL5k=<=3v9~WpCm^dQ"
    "lzF!ufED{RI{|5TGVWz=+FQB3?GNCWe@?{f8{>LChF3Dx7ytkO07*qoM6N<$f&"
)
"""A drawn still life of 96 x 96 pixels, PNG."""
TEXT = "The large bowl is blue. Die Schale ist blau. Le bol est bleu. El cuenco es azul. 青い鉢。 파란 그릇. 蓝色的碗。"


@dataclass(frozen=True, slots=True)
class Canaries:
    """Questions and their answers.

    Parameters
    ----------
    said
        The answers.
    queries : (Q, D) int16
    embeddings : (v, D) int16
        Of the views that are listed.
    picture : (D,) int16, or (0,) where nobody encoded it
        Embedding of :data:`PICTURE`. All as :func:`tonari.index.vectors.to_fixed` gives them.
    """

    said: CanariesHeader
    queries: NDArray[np.int16]
    embeddings: NDArray[np.int16]
    picture: NDArray[np.int16]

    def to_arrays(self) -> dict[str, NDArray[np.int16]]:
        """Give the arrays by name, for a packed file."""
        return {"queries": self.queries, "embeddings": self.embeddings, "picture": self.picture}


def read_canaries(packed: Packed, dimensions: int) -> Canaries:
    """Undo :meth:`Canaries.to_arrays`; raises what :meth:`Packed.array` does."""
    said = packed.about(CanariesHeader)
    picture = packed.array("picture", np.int16, (None,))
    return Canaries(
        said,
        packed.array("queries", np.int16, (None, dimensions)),
        packed.array("embeddings", np.int16, (len(said.views), dimensions)),
        picture if not len(picture) else packed.array("picture", np.int16, (dimensions,)),
    )


def encode_picture(encoder: Encoder) -> NDArray[np.int16]:
    """Encode the canary picture, (D,): the same encoder gives nearly the same everywhere, another one does not.

    A joint encoder encodes the picture and the text, whose mean has to stay, or the picture alone if it knows no word
    of the text. One of texts encodes the text.

    Raises
    ------
    InvalidTextError
        If an encoder of texts knows no word of the canary text, which is in several languages.
    """
    embeddings = []
    if "image" in encoder.modalities:
        embeddings.append(encoder.encode(PICTURE))
    if "text" in encoder.modalities:
        try:
            embeddings.append(encoder.encode_texts([TEXT], "passage").embeddings[0])
        except InvalidTextError:
            if not embeddings:
                raise
    mean = np.mean(np.stack(embeddings), axis=0, dtype=np.float64)
    return to_fixed(np.asarray(mean / np.linalg.norm(mean), np.float32))


def choose_canaries(
    encoder: str, table: Table, learned: Mapping[str, AttributeModel], picture: NDArray[np.int16]
) -> Canaries:
    """Draw questions from a snapshot that has just been built, and answer them by it."""
    rows = spread(len(table.views), VIEWS)
    queries = _draw_queries(table.views.fixed[spread(len(table.views), QUERIES)])
    bare = table.without_embeddings()
    said = CanariesHeader(
        encoder,
        tuple(_items(table)),
        tuple(_views(table, rows)),
        tuple(_search(table, queries, *way) for way in _ways(table, len(queries))),
        tuple(_predict(queries, learned)),
        tuple(_search(bare, queries, *way) for way in _ways(bare, len(queries))) if table.views.rotation else (),
    )
    return Canaries(said, queries, table.views.fixed[rows], picture)


def ask_canaries(canaries: Canaries, encoder: str, table: Table, learned: Mapping[str, AttributeModel]) -> None:
    """Ask a snapshot that was loaded what was asked of it when it was built, of what is here of it.

    Raises
    ------
    CorruptArtefactError
        If it answers otherwise, or its embeddings were made by another encoder than ``encoder``.
    """
    said, queries = canaries.said, canaries.queries
    demand(said.encoder == encoder, f"The canaries are of encoder {said.encoder}, the snapshot says {encoder}")
    demand(len(queries) or not len(table.views), "There are no canary queries")
    demand(said.items == tuple(_items(table)), "Canary items have other ids, documents or ETags than when it was built")
    rows = spread(len(table.views), VIEWS)
    demand(said.views == tuple(_views(table, rows)), "Canary views belong to other items, or have other names")
    demand(_are_those(canaries.embeddings, table.views, rows), "Canary views have other embeddings")
    answers = said.answers if table.views.whole else said.rotated
    again = [_search(table, queries, *way) for way in _ways(table, len(queries))]
    demand(len(again) == len(answers), "There are too few canary answers")
    for path in ("scan", "cells", "graph"):
        pairs = [(one, other) for one, other in zip(answers, again, strict=True) if one.path == path]
        _compare(path, pairs)
    _compare_predictions(said.predictions, queries, learned)


def ask_predictions(canaries: Canaries, encoder: str, learned: Mapping[str, AttributeModel]) -> None:
    """Ask of class weights alone what was asked of them when the snapshot was built.

    Raises
    ------
    CorruptArtefactError
        If they answer otherwise, or another encoder than ``encoder`` made the embeddings.
    """
    said = canaries.said
    demand(said.encoder == encoder, f"The canaries are of encoder {said.encoder}, the snapshot says {encoder}")
    _compare_predictions(said.predictions, canaries.queries, learned)


def check_encoder(picture: NDArray[np.int16], encoder: Encoder) -> None:
    """Check that an encoder is the one that made a snapshot's embeddings, by the canary picture.

    Parameters
    ----------
    picture : (D,) int16
        Its embedding, as it is stored with the snapshot.

    Raises
    ------
    CorruptArtefactError
        If the encoder gives another one, or of another length.
    """
    if picture.shape != (encoder.dimensions,):
        raise CorruptArtefactError(
            f"The snapshot has {len(picture)} dimensions of its canary picture, the encoder {encoder.name} gives "
            f"{encoder.dimensions}: rebuild."
        )
    one, other = from_fixed(picture), from_fixed(encode_picture(encoder))
    cosine = float(np.vdot(one, other) / np.sqrt(np.vdot(one, one) * np.vdot(other, other)))
    if not cosine >= LEAST_COSINE:
        raise CorruptArtefactError(
            f"Another encoder than {encoder.name} made the snapshot's embeddings: that of the canary picture differs "
            f"(cosine {cosine:.3f}): rebuild."
        )


def _draw_queries(fixed: NDArray[np.int16]) -> NDArray[np.int16]:
    """Take some embeddings as they are, and turn every other one towards the next."""
    queries = from_fixed(fixed)
    if len(queries) > 2:
        away = np.roll(queries, -1, axis=0) - np.roll(queries, 1, axis=0)
        away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
        queries[::2] = (STAYS * queries + np.sqrt(1 - STAYS**2) * away)[::2]
        queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return to_fixed(queries)


def _are_those(embeddings: NDArray[np.int16], views: Views, rows: NDArray[np.int64]) -> bool:
    """Tell whether these are the embeddings of some rows, or those that their codes were computed from."""
    if views.whole:
        return np.array_equal(embeddings, views.fixed[rows])
    turned = views.turn(from_fixed(embeddings))
    return bool((np.vecdot(turned, from_codes(views.codes[rows])) >= LEAST_COSINE).all())


def _items(table: Table) -> Iterator[tuple[str, str]]:
    for position in spread(len(table), ITEMS).tolist():
        etag = bytes(table.document_etags[position])
        yield table.id(position), hashlib.sha256(etag + b"\n" + table.document(position)).hexdigest()


def _views(table: Table, rows: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
    for row in rows.tolist():
        yield table.id(table.views.item[row]), table.view_name(row)


def _ways(table: Table, queries: int) -> Iterator[tuple[int, tuple[int, int] | None, bool]]:
    """Give each query in every way that it can be answered: number, range of items, whether exactly."""
    for query, centre in enumerate(spread(len(table), queries).tolist()):
        begin = max(0, centre - RANGE // 2)
        few = begin, min(len(table), begin + RANGE)
        yield from ((query, None, False), (query, (0, len(table)), False), (query, few, False), (query, few, True))


def _search(
    table: Table,
    queries: NDArray[np.int16],
    query: int,
    within: tuple[int, int] | None,
    exact: bool,  # noqa: FBT001
) -> CanaryAnswer:
    allowed = None
    if within is not None:
        allowed = np.zeros(len(table), np.bool_)
        allowed[slice(*within)] = True
    vectors = from_fixed(queries[query : query + 1])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hits = find(vectors, table.index, K, allowed, exact=exact)
    ids = tuple(table.id(item) for item in hits.items.tolist())
    return CanaryAnswer(query, within, exact, hits.path, ids, tuple(hits.scores.tolist()))


def _compare(path: str, pairs: list[tuple[CanaryAnswer, CanaryAnswer]]) -> None:
    """Check that what was found by one way is found again, with the same scores."""
    expected = found = 0
    for said, now in pairs:
        demand((said.query, said.within, said.exact) == (now.query, now.within, now.exact), "Canaries are mixed up")
        scores = dict(zip(now.ids, now.scores, strict=True))
        last = now.scores[-1] if len(now.scores) == K else -np.inf
        expected += len(said.ids)
        for item, score in zip(said.ids, said.scores, strict=True):
            given = scores.get(item)
            same = given is not None and abs(given - score) <= SCORE_TOLERANCE
            demand(given is None or same, f"A search by {path} scores {item!r:.80} {given}, at building it was {score}")
            found += now.path == path and (same or score <= last + SCORE_TOLERANCE)
    enough = expected if path == "scan" else LEAST_FOUND * expected
    demand(found >= enough, f"Canary searches by {path} find {found} of {expected} items that they found at building")


def _predict(queries: NDArray[np.int16], learned: Mapping[str, AttributeModel]) -> Iterator[CanaryPrediction]:
    for query, vector in enumerate(from_fixed(queries)):
        for attribute, model in learned.items():
            for method in METHODS:
                ranked = by_weights(vector[None], model, method).ranked
                if ranked:
                    yield CanaryPrediction(query, attribute, method, ranked[0].value, ranked[0].score)


def _compare_predictions(
    said: tuple[CanaryPrediction, ...], queries: NDArray[np.int16], learned: Mapping[str, AttributeModel]
) -> None:
    now = tuple(_predict(queries, learned))
    asked = [(one.query, one.attribute, one.method) for one in said]
    demand(
        asked == [(one.query, one.attribute, one.method) for one in now], "Canary predictions are of other attributes"
    )
    for one, other in zip(said, now, strict=True):
        same = abs(one.score - other.score) <= PREDICTION_TOLERANCE
        demand(
            same and (one.value == other.value or _nearly_equal(one, queries, learned)),
            f"The {one.attribute!r:.60} of a canary query is predicted {other.value!r:.60} ({other.score:.3f}), "
            f"at building it was {one.value!r:.60} ({one.score:.3f})",
        )


def _nearly_equal(said: CanaryPrediction, queries: NDArray[np.int16], learned: Mapping[str, AttributeModel]) -> bool:
    """Tell whether the class that was best is still as good as the best."""
    vector = from_fixed(queries[said.query])
    ranked = by_weights(vector[None], learned[said.attribute], said.method).ranked
    return any(one.value == said.value and abs(one.score - said.score) <= PREDICTION_TOLERANCE for one in ranked)
