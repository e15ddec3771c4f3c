"""Handlers of searches and predictions."""

from __future__ import annotations

import time
from typing import Any

from msgspec.structs import asdict

from tonari.api.http import Response
from tonari.api.presenting import params_of, range_of, search_result, show_prediction
from tonari.contract.answers import PredictAnswer, SearchAnswer, SearchesAnswer, SearchResult
from tonari.contract.decoding import decode, named
from tonari.contract.filter_tree import EVERYTHING
from tonari.contract.limits import VOTERS
from tonari.contract.requests import PredictRequest, SearchesRequest, SearchOptions, SearchRequest, query_of
from tonari.errors import InvalidRequestError, MissingObjectError
from tonari.query.predict import Answer, predict
from tonari.query.queries import Query, query_examples, query_image, query_item, query_vector
from tonari.query.search import search
from tonari.query.serving import Reader, Serving
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
