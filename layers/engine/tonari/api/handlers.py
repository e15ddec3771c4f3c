"""What the routes that read do: searches and predictions; items and their images; uploads; health."""

from __future__ import annotations

import functools
import json
import logging
import time
import uuid
from typing import Any

import msgspec
from msgspec.structs import asdict

from tonari import __version__
from tonari.api.http import Response
from tonari.api.page import read_page
from tonari.api.presenting import (
    image_path,
    items_answer,
    list_params_of,
    params_of,
    range_of,
    search_result,
    show_likeness,
    show_prediction,
)
from tonari.api.writing import LINK_SECONDS, form_of
from tonari.catalogue.views import is_passage
from tonari.contract.answers import (
    ItemAnswer,
    ItemsAnswer,
    PredictAnswer,
    SearchAnswer,
    SearchesAnswer,
    SearchResult,
    UploadAnswer,
)
from tonari.contract.artefacts import Refusal
from tonari.contract.decoding import decode, named
from tonari.contract.filter_tree import EVERYTHING
from tonari.contract.forms import convert
from tonari.contract.health import HealthAnswer
from tonari.contract.openapi import openapi
from tonari.contract.parameters import UPLOADS, VOTERS
from tonari.contract.requests import (
    ImageRequest,
    ItemsRequest,
    PredictRequest,
    SearchesRequest,
    SearchOptions,
    SearchRequest,
    needs_embeddings,
    query_of,
)
from tonari.contract.text_queries import TEXT_WEIGHT, why_not_lexical
from tonari.errors import (
    CorruptArtefactError,
    InvalidRequestError,
    MissingObjectError,
    StoreError,
    UnsupportedQueryError,
)
from tonari.images.framing import Region
from tonari.query.asking import retrieval_of
from tonari.query.beside import LateAnswer
from tonari.query.contents import image_of, read_item, shown, summarise
from tonari.query.familiar import judge, nearest_of
from tonari.query.listing import list_items
from tonari.query.predict import Answer, predict
from tonari.query.queries import (
    Query,
    beside_text,
    query_examples,
    query_image,
    query_item,
    query_passage,
    query_text,
    query_vector,
)
from tonari.query.reader import Reader
from tonari.query.search import SearchParams, search
from tonari.query.serving import Serving
from tonari.query.shifting import shift
from tonari.query.together import check_compared, check_together
from tonari.snapshots.head import newest_refusal
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

MOST_SECONDS = 1.0
"""Seconds of computing after which no other search of a request is begun: what a picture costs is not known before."""


class Handlers:
    """A method for each route that reads, of the route's name.

    Takes its parameters, if there are any, then what its path names. Reads what the reader says is live.
    """

    def __init__(self, reader: Reader, catalogue: Bucket, artefacts: Bucket) -> None:
        self._reader, self._catalogue, self._artefacts = reader, catalogue, artefacts
        self._refused: LateAnswer[Refusal | None] = LateAnswer(None)

    def search(self, request: SearchRequest | SearchesRequest) -> Response:
        """Answer one search, or several from one generation."""
        serving = self._reader.current()
        if any(one.exact for one in _each(request)):
            serving = self._reader.whole(serving)
        asked = _params_of_each(serving, request)
        if not serving.snapshot.whole and any(one.after and not one.after.estimated_by for one in asked):
            serving = self._reader.whole(serving)
            asked = _params_of_each(serving, request)
        if isinstance(request, SearchRequest):
            found = self._search(serving, request, asked[0])
            return Response.of(SearchAnswer(**asdict(found), **_provenance(serving)))
        check_together(asked)
        results: list[SearchResult] = []
        began = time.thread_time()
        for number, (one, params) in enumerate(zip(request.queries, asked, strict=True)):
            with named(number):
                check_compared(serving, [result.plan for result in results])
                _check_time(time.thread_time() - began)
                results.append(self._search(serving, one, params))
        return Response.of(SearchesAnswer(results=tuple(results), **_provenance(serving)))

    def similar(self, options: SearchOptions, item: str) -> Response:
        """Search by an item that the path names."""
        return self.search(decode({**asdict(options), "id": item}, SearchRequest))

    def _search(self, serving: Serving, request: SearchRequest, params: SearchParams) -> SearchResult:
        clock = _Clock()
        if params.after and params.after.estimated_by:
            serving = self._reader.estimating(serving)
        query = self._query(serving, request, clock)
        asked, shifted = query, None
        if request.shift is not None:
            asked, shifted = shift(serving, query, request.shift)
            clock.lap("shift")
        found = search(serving, asked, params)
        clock.lap("search")
        likeness = judge(serving, query, nearest_of(found, query, params) if asked is query else None)
        predictions: dict[str, Answer] = {}
        if request.predict:
            predictions = predict(serving, query, request.predict, None, VOTERS, EVERYTHING, familiar=likeness.familiar)
            clock.lap("predict")
        return search_result(serving, request, found, shifted, predictions, likeness, clock.laps)

    def predict(self, request: PredictRequest) -> Response:
        """Predict attributes of a query."""
        serving = self._reader.current()
        within = range_of(serving, request)
        clock = _Clock()
        query = self._query(serving, request, clock)
        likeness = judge(serving, query)
        answers = predict(
            serving, query, request.attributes, request.method, request.k, within, familiar=likeness.familiar
        )
        clock.lap("predict")
        return Response.of(
            PredictAnswer(
                predictions={name: show_prediction(one) for name, one in answers.items()},
                method=request.method,
                familiar=likeness.familiar,
                likeness=show_likeness(likeness),
                vectors="full" if serving.snapshot.whole else "rotated",
                **_provenance(serving),
                took_ms=clock.laps,
            )
        )

    def _query(self, serving: Serving, request: SearchRequest | PredictRequest, clock: _Clock) -> Query:
        name, text = query_of(request), request.text
        if text is None:
            return self._named(serving, request, name, clock)
        if name != "text":
            query = self._named(serving, request, name, clock)
            weight = TEXT_WEIGHT if request.text_weight is None else request.text_weight
            query = beside_text(serving, query, text, weight)
        elif isinstance(request, PredictRequest):
            query = query_passage(serving, text)
        else:
            query = self._words(serving, request, text)
        clock.lap("encode")
        return query

    def _words(self, serving: Serving, request: SearchRequest, text: str) -> Query:
        retrieval = retrieval_of(serving, request.retrieval)
        if retrieval == "lexical" and (wrong := needs_embeddings(request)) is not None:
            raise UnsupportedQueryError(why_not_lexical(wrong))
        return query_text(serving, text, retrieval)

    def _named(self, serving: Serving, request: SearchRequest | PredictRequest, name: str, clock: _Clock) -> Query:
        value: Any = getattr(request, name)
        match name:
            case "id":
                return query_item(serving, value)
            case "vector":
                return query_vector(serving, value)
            case "examples":
                return query_examples(serving, value.positive, value.negative, value.half_life)
        data = self._uploaded(value) if name == "upload" else value
        clock.lap("read")
        box = request.region
        region = None if box is None else Region(box.x, box.y, box.width, box.height)
        query = query_image(serving, data, region)
        clock.lap("encode")
        return query

    def _uploaded(self, key: str) -> bytes:
        try:
            return self._artefacts.get(key).data
        except MissingObjectError as error:
            raise InvalidRequestError("There is no such upload; it may have expired after a day.") from error

    def items(self, request: ItemsRequest) -> Response:
        """List items."""
        serving = self._reader.current()
        found = list_items(serving, list_params_of(serving, request))
        return Response.of(ItemsAnswer(**items_answer(serving, request, found), **_provenance(serving)))

    def item(self, item: str) -> Response:
        """Show an item."""
        serving = self._reader.current()
        found = read_item(serving, item)
        fields = shown(found.fields, serving.snapshot.schema)
        image = image_path(item) if found.views and not is_passage(found.views[0]) else None
        return Response.of(ItemAnswer(id=item, fields=fields, views=found.views, image=image, **_provenance(serving)))

    def image(self, request: ImageRequest, item: str) -> Response:
        """Redirect to an image in the catalogue."""
        key = image_of(self._reader.current(), item, request.view)
        url = self._catalogue.presign_get(key, LINK_SECONDS)
        return Response(302, headers={"location": url, "cache-control": f"private, max-age={LINK_SECONDS // 2}"})

    def upload(self) -> Response:
        """Give a form for a query picture."""
        key = f"{UPLOADS}{uuid.uuid4().hex}"
        return Response.of(UploadAnswer(upload=key, **form_of(self._artefacts, key)))

    def health(self) -> Response:
        """Describe what is live."""
        serving = self._reader.current()
        fresh, refused = self._reader.freshness(), self._refused.ask(lambda: self._refusal(serving.snapshot.id))
        said = {
            "version": __version__,
            **summarise(serving),
            "refused": refused if refused and refused.live == serving.snapshot.id else None,
            "checked_seconds_ago": round(fresh.checked_seconds_ago, 1),
            "behind": fresh.behind,
        }
        said["search"]["incomplete"] = fresh.incomplete
        return Response.of(convert(said, HealthAnswer, from_attributes=True))

    def _refusal(self, live: str) -> Refusal | None:
        """Read the refusal; that a store does not answer is no reason to call the service ill."""
        try:
            return newest_refusal(self._artefacts, live)
        except (StoreError, CorruptArtefactError) as error:
            log.warning(json.dumps({"refusals": error.slug, "detail": error.detail}))
            return None

    def openapi(self) -> Response:
        """Describe the API."""
        return _openapi()

    def page(self) -> Response:
        """Give the page, and the policy under which browsers run it."""
        page = read_page()
        return Response(200, page.html, "text/html; charset=utf-8", {"content-security-policy": page.policy})


def _each(request: SearchRequest | SearchesRequest) -> tuple[SearchRequest, ...]:
    return (request,) if isinstance(request, SearchRequest) else request.queries


def _params_of_each(serving: Serving, request: SearchRequest | SearchesRequest) -> list[SearchParams]:
    """Check each search of a request; of several, messages say which one they are about."""
    if isinstance(request, SearchRequest):
        return [params_of(serving, request)]
    asked: list[SearchParams] = []
    for number, one in enumerate(request.queries):
        with named(number):
            asked.append(params_of(serving, one))
    return asked


class _Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 2)
        self._last = now


def _check_time(seconds: float) -> None:
    """Check before another search of a request how long those before it have kept the processor."""
    if seconds > MOST_SECONDS:
        raise InvalidRequestError(
            f"The queries before it took {seconds:.1f} s to compute, another one is begun within {MOST_SECONDS:g} s "
            "only: send fewer queries at once, or smaller pictures (sides of 512 pixels are enough)."
        )


def _provenance(serving: Serving) -> dict[str, Any]:
    """Say what an answer was given from: the fields of that name in every answer."""
    head, stale = serving.read.head, serving.stale_seconds
    return {
        "generation": head.generation,
        "snapshot": head.snapshot,
        "encoder": head.encoder,
        "stale_seconds": msgspec.UNSET if stale is None else round(stale, 1),
    }


@functools.cache
def _openapi() -> Response:
    return Response.of(openapi())
