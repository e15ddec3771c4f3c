"""Routes: each takes a request, calls a use case, gives a response."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tonari.api.answers import params_of, range_of, show_neighbours
from tonari.api.forms import SearchForm, named, read_json, read_predict, read_search, read_searches
from tonari.api.health import describe
from tonari.api.http import Request, Response
from tonari.api.page import read_page
from tonari.api.predictions import show_prediction
from tonari.api.sources import Source
from tonari.attributes import VOTERS
from tonari.catalogue.documents import check_id, document_key, image_key, list_item, parse_document
from tonari.errors import (
    InvalidCatalogueError,
    InvalidRequestError,
    MethodNotAllowedError,
    MissingObjectError,
    NotFoundError,
    TonariError,
    UnknownItemError,
)
from tonari.query.candidates import Query
from tonari.query.items import image_of, item_details
from tonari.query.predict import predict
from tonari.query.queries import query_examples, query_image, query_item, query_vector
from tonari.query.ranges import Range
from tonari.query.search import search
from tonari.query.serving import Reader, Serving
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

UPLOADS = "uploads/"
MOST_UPLOAD_BYTES = 20_000_000
LINK_SECONDS = 900
STANDING_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class App:
    """The HTTP API over one reader and the two buckets."""

    def __init__(self, reader: Reader, catalogue: Bucket, artefacts: Bucket) -> None:
        self._reader, self._catalogue, self._artefacts = reader, catalogue, artefacts
        item = "/v1/items/([^/]+)"
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Response]]] = [
            ("GET", re.compile("/"), self._page),
            ("GET", re.compile("/v1/health"), self._health),
            ("POST", re.compile("/v1/search"), self._search),
            ("POST", re.compile("/v1/predict"), self._predict),
            ("POST", re.compile("/v1/uploads"), self._upload),
            ("GET", re.compile(item), self._get_item),
            ("PUT", re.compile(item), self._put_item),
            ("DELETE", re.compile(item), self._delete_item),
            ("GET", re.compile(f"{item}/similar"), self._similar),
            ("GET", re.compile(f"{item}/image"), self._image),
        ]

    def __call__(self, request: Request) -> Response:
        """Answer a request; whatever goes wrong becomes a problem document."""
        started = time.perf_counter()
        try:
            response = self._route(request)
        except TonariError as error:
            response = Response.problem(error)
            if error.status >= 500:
                log.warning(json.dumps({"problem": error.slug, "detail": error.detail}))
        except Exception:  # what nobody foresaw: the log has it, the caller a problem document, never a bare 500
            trace = uuid.uuid4().hex
            log.exception(json.dumps({"problem": "internal", "trace": trace}))
            response = Response.problem(TonariError(f"This should not happen; the log has it under {trace}."))
        took = round((time.perf_counter() - started) * 1000, 1)
        log.info(json.dumps({"method": request.method, "path": request.path, "status": response.status, "ms": took}))
        return replace(response, headers={**STANDING_HEADERS, **response.headers})

    def _route(self, request: Request) -> Response:
        found = [
            (method, route, match) for method, path, route in self._routes if (match := path.fullmatch(request.path))
        ]
        for method, route, match in found:
            if method == request.method:
                return route(request, *match.groups())
        if found:
            raise MethodNotAllowedError(f"{request.path} takes {', '.join(method for method, _, _ in found)}.")
        raise NotFoundError(f"There is nothing at {request.path:.200}; the API begins at /v1/.")

    def _page(self, _: Request) -> Response:
        page = read_page()
        return Response(200, page.html, "text/html; charset=utf-8", {"content-security-policy": page.policy})

    def _health(self, _: Request) -> Response:
        return Response.of(describe(self._reader.current(), self._artefacts))

    def _search(self, request: Request) -> Response:
        forms = read_searches(request)
        serving = self._reader.current()
        if isinstance(forms, SearchForm):
            return Response.of({**self._neighbours(serving, forms), **_provenance(serving)})
        results = []
        for number, form in enumerate(forms):
            with named(number):
                results.append(self._neighbours(serving, form))
        return Response.of({"results": results, **_provenance(serving)})

    def _similar(self, request: Request, item: str) -> Response:
        form = read_search(request, Source("id", item))
        serving = self._reader.current()
        return Response.of({**self._neighbours(serving, form), **_provenance(serving)})

    def _neighbours(self, serving: Serving, form: SearchForm) -> dict[str, Any]:
        params = params_of(serving, form)
        clock = _Clock()
        query = self._query(serving, form.source, clock)
        found = search(serving, query, params)
        clock.lap("search")
        shown = show_neighbours(serving, form, found)
        if form.predict:
            answers = predict(serving, query, form.predict, "discriminant", VOTERS, Range())
            shown["predictions"] = {name: show_prediction(one) for name, one in answers.items()}
            clock.lap("predict")
        return {**shown, "took_ms": clock.laps}

    def _predict(self, request: Request) -> Response:
        form = read_predict(request)
        serving = self._reader.current()
        within = range_of(serving, form)
        clock = _Clock()
        query = self._query(serving, form.source, clock)
        answers = predict(serving, query, form.attributes, form.method, form.k, within)
        clock.lap("predict")
        predictions = {name: show_prediction(one) for name, one in answers.items()}
        return Response.of(
            {"predictions": predictions, "method": form.method, **_provenance(serving), "took_ms": clock.laps}
        )

    def _query(self, serving: Serving, source: Source, clock: _Clock) -> Query:
        match source.kind:
            case "image":
                data = source.value
            case "upload":
                data = self._uploaded(source.value)
            case "id":
                return query_item(serving, source.value)
            case "vector":
                return query_vector(serving, source.value)
            case "examples":
                return query_examples(serving, source.value.positive, source.value.negative)
        clock.lap("read")
        query = query_image(serving, data)
        clock.lap("encode")
        return query

    def _uploaded(self, key: str) -> bytes:
        if not re.fullmatch(rf"{UPLOADS}[0-9a-f]{{32}}", key):
            raise InvalidRequestError("'upload' is a key that POST /v1/uploads gave.")
        try:
            return self._artefacts.get(key).data
        except MissingObjectError as error:
            raise InvalidRequestError("There is no such upload; it may have expired after a day.") from error

    def _upload(self, _: Request) -> Response:
        key = f"{UPLOADS}{uuid.uuid4().hex}"
        form = self._artefacts.presign_post(key, MOST_UPLOAD_BYTES, LINK_SECONDS)
        return Response.of({"upload": key, "url": form.url, "fields": form.fields, "most_bytes": MOST_UPLOAD_BYTES})

    def _get_item(self, _: Request, item: str) -> Response:
        serving = self._reader.current()
        fields, views = item_details(serving, item)
        image = f"/v1/items/{quote(item, safe='')}/image" if views else None
        return Response.of({"id": item, "fields": fields, "views": views, "image": image, **_provenance(serving)})

    def _put_item(self, request: Request, item: str) -> Response:
        document = parse_document(_checked(item), json.dumps(read_json(request)).encode())
        data = json.dumps(document, ensure_ascii=False).encode()
        self._catalogue.put(document_key(item), data, "application/json")
        form = self._catalogue.presign_post(image_key(item, "${filename}"), MOST_UPLOAD_BYTES, LINK_SECONDS)
        upload = {"url": form.url, "fields": form.fields, "most_bytes": MOST_UPLOAD_BYTES}
        return Response.of({"id": item, "status": "accepted", "upload": upload}, 202)

    def _delete_item(self, _: Request, item: str) -> Response:
        names = list_item(self._catalogue, _checked(item))
        keys = [image_key(item, name) for name in names]
        if self._catalogue.head(document_key(item)):
            keys.append(document_key(item))
        if not keys:
            raise UnknownItemError(f"The catalogue has no item {item!r}.")
        self._catalogue.delete(*keys)
        return Response.of({"id": item, "status": "accepted"}, 202)

    def _image(self, request: Request, item: str) -> Response:
        key = image_of(self._reader.current(), item, dict(request.query).get("view"))
        url = self._catalogue.presign_get(key, LINK_SECONDS)
        return Response(302, headers={"location": url, "cache-control": f"private, max-age={LINK_SECONDS // 2}"})


class _Clock:
    """Milliseconds between laps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self._last) * 1000, 2)
        self._last = now


def _provenance(serving: Serving) -> dict[str, Any]:
    head = serving.read.head
    return {"generation": head.generation, "snapshot": head.snapshot, "encoder": head.encoder}


def _checked(item: str) -> str:
    try:
        return check_id(item)
    except InvalidCatalogueError as error:
        raise InvalidRequestError(error.detail) from error
