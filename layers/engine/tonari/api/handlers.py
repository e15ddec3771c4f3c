"""What each route does: searches and predictions; items, uploads and what is written to the buckets; health."""

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
from tonari.api.presenting import image_path, params_of, range_of, search_result, show_prediction
from tonari.catalogue.documents import check_id, document_key, image_key, parse_document
from tonari.contract.answers import (
    AcceptedAnswer,
    HealthAnswer,
    ItemAnswer,
    PredictAnswer,
    PutAnswer,
    SearchAnswer,
    SearchesAnswer,
    SearchResult,
    UploadAnswer,
    UploadForm,
)
from tonari.contract.artefacts import Refusal
from tonari.contract.decoding import decode, named
from tonari.contract.filter_tree import EVERYTHING
from tonari.contract.forms import convert
from tonari.contract.openapi import openapi
from tonari.contract.parameters import MOST_UPLOAD_BYTES, UPLOADS, VOTERS
from tonari.contract.requests import (
    ImageRequest,
    PredictRequest,
    SearchesRequest,
    SearchOptions,
    SearchRequest,
    query_of,
)
from tonari.errors import (
    CorruptArtefactError,
    InvalidCatalogueError,
    InvalidRequestError,
    MissingObjectError,
    StoreError,
    TonariError,
    UnknownItemError,
)
from tonari.fields.remarks import remarks
from tonari.query.beside import LateAnswer
from tonari.query.contents import image_of, read_item, shown, summarise
from tonari.query.predict import Answer, predict
from tonari.query.queries import Query, query_examples, query_image, query_item, query_vector
from tonari.query.reader import Reader
from tonari.query.search import SearchParams, check_compared, check_together, search
from tonari.query.serving import Serving
from tonari.snapshots.head import newest_refusal
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

LINK_SECONDS = 900
MOST_SECONDS = 1.0
"""Seconds of computing after which no other search of a request is begun: what a picture costs is not known before."""


class Handlers:
    """A method for each route, of the route's name: takes its parameters, if there are any, then what its path names.

    Reads what the reader says is live; writes items and uploads to the buckets.
    """

    def __init__(self, reader: Reader, catalogue: Bucket, artefacts: Bucket) -> None:
        self._reader, self._catalogue, self._artefacts = reader, catalogue, artefacts
        self._refused: LateAnswer[Refusal | None] = LateAnswer(None)

    def search(self, request: SearchRequest | SearchesRequest) -> Response:
        """Answer one search, or several from one generation."""
        serving = self._reader.current()
        if isinstance(request, SearchRequest):
            found = self._search(serving, request, params_of(serving, request))
            return Response.of(SearchAnswer(**asdict(found), **_provenance(serving)))
        asked: list[SearchParams] = []
        for number, one in enumerate(request.queries):
            with named(number):
                asked.append(params_of(serving, one))
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
        query = self._query(serving, request, clock)
        found = search(serving, query, params)
        clock.lap("search")
        predictions: dict[str, Answer] = {}
        if request.predict:
            predictions = predict(serving, query, request.predict, "discriminant", VOTERS, EVERYTHING)
            clock.lap("predict")
        return search_result(serving, request, found, predictions, clock.laps)

    def predict(self, request: PredictRequest) -> Response:
        """Predict attributes of a query."""
        serving = self._reader.current()
        within = range_of(serving, request)
        clock = _Clock()
        query = self._query(serving, request, clock)
        answers = predict(serving, query, request.attributes, request.method, request.k, within)
        clock.lap("predict")
        return Response.of(
            PredictAnswer(
                predictions={name: show_prediction(one) for name, one in answers.items()},
                method=request.method,
                **_provenance(serving),
                took_ms=clock.laps,
            )
        )

    def _query(self, serving: Serving, request: SearchRequest | PredictRequest, clock: _Clock) -> Query:
        name = query_of(request)
        value: Any = getattr(request, name)
        match name:
            case "id":
                return query_item(serving, value)
            case "vector":
                return query_vector(serving, value)
            case "examples":
                return query_examples(serving, value.positive, value.negative)
        data = self._uploaded(value) if name == "upload" else value
        clock.lap("read")
        query = query_image(serving, data)
        clock.lap("encode")
        return query

    def _uploaded(self, key: str) -> bytes:
        try:
            return self._artefacts.get(key).data
        except MissingObjectError as error:
            raise InvalidRequestError("There is no such upload; it may have expired after a day.") from error

    def item(self, item: str) -> Response:
        """Show an item."""
        serving = self._reader.current()
        found = read_item(serving, item)
        fields, image = shown(found.fields, serving.snapshot.schema), image_path(item) if found.views else None
        return Response.of(ItemAnswer(id=item, fields=fields, views=found.views, image=image, **_provenance(serving)))

    def image(self, request: ImageRequest, item: str) -> Response:
        """Redirect to an image in the catalogue."""
        key = image_of(self._reader.current(), item, request.view)
        url = self._catalogue.presign_get(key, LINK_SECONDS)
        return Response(302, headers={"location": url, "cache-control": f"private, max-age={LINK_SECONDS // 2}"})

    def put_item(self, document: dict[str, Any], item: str) -> Response:
        """Write an item's document, and give a form for its images."""
        fields = parse_document(_checked(item), json.dumps(document).encode())
        data = json.dumps(fields, ensure_ascii=False).encode()
        self._catalogue.put(document_key(item), data, "application/json")
        upload = UploadForm(**_form(self._catalogue, image_key(item, "${filename}")))
        return Response.of(PutAnswer(id=item, warnings=self._remarks(fields), upload=upload), 202)

    def _remarks(self, fields: dict[str, Any]) -> dict[str, str]:
        """Compare a document with the live schema; that none is live is no reason to refuse it."""
        try:
            return remarks(self._reader.current().snapshot.schema, fields)
        except TonariError as error:
            log.warning(json.dumps({"warnings": error.slug, "detail": error.detail}))
            return {}

    def delete_item(self, item: str) -> Response:
        """Delete an item's document and images."""
        keys = [found.key for found in self._catalogue.list(image_key(_checked(item), ""))]
        if self._catalogue.head(document_key(item)):
            keys.append(document_key(item))
        if not keys:
            raise UnknownItemError(f"The catalogue has no item {item!r}.")
        self._catalogue.delete(*keys)
        return Response.of(AcceptedAnswer(id=item), 202)

    def upload(self) -> Response:
        """Give a form for a query picture."""
        key = f"{UPLOADS}{uuid.uuid4().hex}"
        return Response.of(UploadAnswer(upload=key, **_form(self._artefacts, key)))

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


def _checked(item: str) -> str:
    try:
        return check_id(item)
    except InvalidCatalogueError as error:
        raise InvalidRequestError(error.detail) from error


def _form(bucket: Bucket, key: str) -> dict[str, Any]:
    form = bucket.presign_post(key, MOST_UPLOAD_BYTES, LINK_SECONDS)
    return {"url": form.url, "fields": form.fields, "most_bytes": MOST_UPLOAD_BYTES}


@functools.cache
def _openapi() -> Response:
    return Response.of(openapi())
