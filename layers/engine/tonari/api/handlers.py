"""Handlers: searches and predictions; items, uploads and what is written to the buckets; health."""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import Any

import msgspec
from msgspec.structs import asdict

from tonari import __version__
from tonari.api.http import Response
from tonari.api.presenting import image_path, params_of, range_of, search_result, show_prediction
from tonari.catalogue.documents import check_id, document_key, image_key, list_item, parse_document
from tonari.contract.answers import (
    AcceptedAnswer,
    HealthAnswer,
    ItemAnswer,
    PredictAnswer,
    PutAnswer,
    RefusedSnapshot,
    SearchAnswer,
    SearchesAnswer,
    SearchResult,
    UploadAnswer,
    UploadForm,
)
from tonari.contract.decoding import decode, named
from tonari.contract.filter_tree import EVERYTHING
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
    UnknownItemError,
)
from tonari.query.items import image_of, item_details
from tonari.query.predict import Answer, predict
from tonari.query.queries import Query, query_examples, query_image, query_item, query_vector
from tonari.query.search import search
from tonari.query.serving import Reader, Serving
from tonari.query.summary import summarise
from tonari.snapshots.refusals import newest_refusal
from tonari.storage.bucket import Bucket


class QueryHandlers:
    """Answer searches and predictions by what the reader says is live."""

    def __init__(self, reader: Reader, artefacts: Bucket) -> None:
        self._reader, self._artefacts = reader, artefacts

    def search(self, request: SearchRequest | SearchesRequest) -> Response:
        """Answer one search, or several from one generation."""
        serving = self._reader.current()
        if isinstance(request, SearchRequest):
            return Response.of(SearchAnswer(**asdict(self._search(serving, request)), **provenance(serving)))
        results = []
        for number, one in enumerate(request.queries):
            with named(number):
                results.append(self._search(serving, one))
        return Response.of(SearchesAnswer(results=tuple(results), **provenance(serving)))

    def similar(self, options: SearchOptions, item: str) -> Response:
        """Search by an item that the path names."""
        return self.search(decode({**asdict(options), "id": item}, SearchRequest))

    def _search(self, serving: Serving, request: SearchRequest) -> SearchResult:
        params = params_of(serving, request)
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
                **provenance(serving),
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


class _Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 2)
        self._last = now


def provenance(serving: Serving) -> dict[str, Any]:
    """Say what an answer was given from: the fields of that name in every answer."""
    head = serving.read.head
    return {"generation": head.generation, "snapshot": head.snapshot, "encoder": head.encoder}


LINK_SECONDS = 900


class ItemHandlers:
    """Read items from what is live; write them, and uploads, to the buckets."""

    def __init__(self, reader: Reader, catalogue: Bucket, artefacts: Bucket) -> None:
        self._reader, self._catalogue, self._artefacts = reader, catalogue, artefacts

    def item(self, item: str) -> Response:
        """Show an item."""
        serving = self._reader.current()
        fields, views = item_details(serving, item)
        image = image_path(item) if views else None
        return Response.of(ItemAnswer(id=item, fields=fields, views=tuple(views), image=image, **provenance(serving)))

    def image(self, request: ImageRequest, item: str) -> Response:
        """Redirect to an image in the catalogue."""
        key = image_of(self._reader.current(), item, request.view)
        url = self._catalogue.presign_get(key, LINK_SECONDS)
        return Response(302, headers={"location": url, "cache-control": f"private, max-age={LINK_SECONDS // 2}"})

    def put(self, document: dict[str, Any], item: str) -> Response:
        """Write an item's document, and give a form for its images."""
        fields = parse_document(_checked(item), json.dumps(document).encode())
        data = json.dumps(fields, ensure_ascii=False).encode()
        self._catalogue.put(document_key(item), data, "application/json")
        form = self._catalogue.presign_post(image_key(item, "${filename}"), MOST_UPLOAD_BYTES, LINK_SECONDS)
        upload = UploadForm(url=form.url, fields=form.fields, most_bytes=MOST_UPLOAD_BYTES)
        return Response.of(PutAnswer(id=item, upload=upload), 202)

    def delete(self, item: str) -> Response:
        """Delete an item's document and images."""
        names = list_item(self._catalogue, _checked(item))
        keys = [image_key(item, name) for name in names]
        if self._catalogue.head(document_key(item)):
            keys.append(document_key(item))
        if not keys:
            raise UnknownItemError(f"The catalogue has no item {item!r}.")
        self._catalogue.delete(*keys)
        return Response.of(AcceptedAnswer(id=item), 202)

    def upload(self) -> Response:
        """Give a form for a query picture."""
        key = f"{UPLOADS}{uuid.uuid4().hex}"
        form = self._artefacts.presign_post(key, MOST_UPLOAD_BYTES, LINK_SECONDS)
        return Response.of(UploadAnswer(upload=key, url=form.url, fields=form.fields, most_bytes=MOST_UPLOAD_BYTES))


def _checked(item: str) -> str:
    try:
        return check_id(item)
    except InvalidCatalogueError as error:
        raise InvalidRequestError(error.detail) from error


log = logging.getLogger("tonari")


def describe(serving: Serving, artefacts: Bucket) -> HealthAnswer:
    """Describe a generation."""
    refused = _refused(serving.snapshot.id, artefacts)
    return msgspec.convert({"version": __version__, **summarise(serving), "refused": refused}, HealthAnswer)


def _refused(live: str, artefacts: Bucket) -> RefusedSnapshot | None:
    """Read the refusal; that a store does not answer is no reason to call the service ill."""
    try:
        refusal = newest_refusal(artefacts, live)
    except (StoreError, CorruptArtefactError) as error:
        log.warning(json.dumps({"refusals": error.slug, "detail": error.detail}))
        return None
    return None if refusal is None else msgspec.convert(refusal, RefusedSnapshot, from_attributes=True)
