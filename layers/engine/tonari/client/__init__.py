"""A client of the HTTP API: its parameters and answers are the structs of :mod:`tonari.contract`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec
import urllib3
from msgspec.structs import asdict, fields, replace

from tonari.client.transport import Answer, Transport, answer_of, error_of, is_url
from tonari.contract.answers import (
    JSON,
    AcceptedAnswer,
    FoundItem,
    ItemAnswer,
    ItemsAnswer,
    ListedItem,
    PredictAnswer,
    PutAnswer,
    SearchAnswer,
    SearchesAnswer,
    UploadAnswer,
    UploadForm,
)
from tonari.contract.decoding import decode
from tonari.contract.health import HealthAnswer
from tonari.contract.normal_form import id_text, nfc
from tonari.contract.parameters import PICTURE_SUFFIXES, SOLE_QUERIES, require_finite
from tonari.contract.requests import ItemsRequest, PredictRequest, SearchesRequest, SearchOptions, SearchRequest
from tonari.errors import InvalidRequestError, UnexpectedAnswerError

Question = TypeVar("Question", SearchRequest, PredictRequest)
Picture = bytes | Path

MOST_DIRECT_BYTES = 4_000_000
"""Larger pictures are uploaded first: a function takes 6 MB, base64 included."""
MOST_QUERY_CHARACTERS = 4_000
MOST_URL_CHARACTERS = 8_000
"""API Gateway takes 10,240 bytes, headers included."""


class Client:
    """Asks the API at a base URL, such as ``http://127.0.0.1:8787``.

    Connections are kept open and may be used by several threads. What the API answers with a problem document is raised
    as the class of :mod:`tonari.errors` of that type. The environment's proxies are used, but never for this machine.

    Parameters
    ----------
    url
        The base URL.
    headers
        Sent with each request to the API, as ``{"authorization": "Bearer …"}``.
    retries
        How often a request is sent again that found no connection or was answered with status 429 or 503; every request
        of the API can be repeated. The wait is the answer's ``retry-after``, or 0.3 s and then twice as long each time.

    Raises
    ------
    InvalidRequestError
        If it is no such URL.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, retries: int = 3) -> None:
        if not is_url(url):
            raise InvalidRequestError(f"{url!r} is not a URL such as http://127.0.0.1:8787.")
        self._url, self._headers = url.rstrip("/"), dict(headers or {})
        self._transport = Transport(retries)

    def search(self, query: SearchRequest | Picture, options: SearchOptions | None = None) -> SearchAnswer:
        """Find the items nearest to a query.

        Parameters
        ----------
        query
            A picture's bytes, or the path of its file, and beside it ``options``; or both in one request.

        Raises
        ------
        InvalidRequestError, InvalidFilterError, InvalidVectorError, InvalidTextError, UnsupportedQueryError,
        UnknownItemError, StaleCursorError, TooLargeError, UnsupportedImageError, InvalidImageError, NotReadyError,
        StoreError, UnreachableError, UnexpectedAnswerError
        """
        return self._ask("/v1/search", _search_of(query, options), SearchAnswer)

    def search_all(self, query: SearchRequest | Picture, options: SearchOptions | None = None) -> Iterator[FoundItem]:
        """Find all items in range, nearest first, page by page of ``k`` items; see :meth:`search`."""
        request = self._light(_search_of(query, options))
        while True:
            answer = self.search(request)
            yield from answer.items
            if answer.next is msgspec.UNSET:
                return
            request = replace(request, cursor=answer.next)

    def search_many(self, requests: Iterable[SearchRequest]) -> SearchesAnswer:
        """Answer up to ten searches from one state of the catalogue; see :meth:`search`."""
        return self._send("POST", "/v1/search", SearchesAnswer, SearchesRequest(tuple(requests)))

    def similar(self, item: str, options: SearchOptions | None = None) -> SearchAnswer:
        """Find the items nearest to an item; see :meth:`search`."""
        return self.search(decode({**asdict(options or SearchOptions()), "id": item}, SearchRequest))

    def predict(self, query: PredictRequest | Picture) -> PredictAnswer:
        """Predict attributes of a query; raises as :meth:`search`."""
        request = query if isinstance(query, PredictRequest) else PredictRequest(image=read_picture(query))
        return self._ask("/v1/predict", request, PredictAnswer)

    def item(self, item: str) -> ItemAnswer:
        """Read an item.

        Raises
        ------
        UnknownItemError, NotReadyError, StoreError, UnreachableError, UnexpectedAnswerError
        """
        return self._send("GET", _item_path(item), ItemAnswer)

    def items(self, request: ItemsRequest | None = None) -> ItemsAnswer:
        """List items, filtered and in the order of a field.

        Raises
        ------
        InvalidRequestError, InvalidFilterError, StaleCursorError, TooLargeError, NotReadyError, StoreError,
        UnreachableError, UnexpectedAnswerError
        """
        query = _query_string(request or ItemsRequest())
        if len(query) > MOST_URL_CHARACTERS:
            raise InvalidRequestError(
                f"The list takes {len(query):,} characters in a URL, which has room for {MOST_URL_CHARACTERS:,}: name "
                "fewer 'ids' at once, or use a shorter 'filter'."
            )
        return self._send("GET", f"/v1/items{'?' if query else ''}{query}", ItemsAnswer)

    def items_all(self, request: ItemsRequest | None = None) -> Iterator[ListedItem]:
        """List all items in range, page by page of ``k`` items; see :meth:`items`."""
        request = request or ItemsRequest()
        while True:
            answer = self.items(request)
            yield from answer.items
            if answer.next is msgspec.UNSET:
                return
            request = replace(request, cursor=answer.next)

    def image(self, item: str, view: str | None = None) -> bytes:
        """Fetch one of an item's images, its first unless one is named.

        Raises
        ------
        UnknownItemError, NotReadyError, StoreError, UnreachableError, UnexpectedAnswerError
        """
        with _written():
            query = "" if view is None else f"?{urlencode({'view': view})}"
        response = self._request("GET", f"{_item_path(item)}/image{query}")
        location = response.headers.get("location")
        if response.status != 302 or location is None:
            raise error_of(response, self._url)
        image = self._transport.request("GET", urljoin(self._url, location))
        if image.status != 200:
            raise error_of(image, urlsplit(location).netloc)
        return image.data

    def put_item(self, item: str, fields: Mapping[str, Any], images: Mapping[str, Picture] | None = None) -> PutAnswer:
        """Replace an item's document and, after it, write images by name; it can be searched some seconds later.

        ``warnings`` of the answer say, by field, which values will not be used because they are of the wrong type.

        Raises
        ------
        InvalidRequestError, InvalidCatalogueError, TooLargeError, StoreError, UnreachableError, UnexpectedAnswerError
        """
        return self._write("PUT", item, fields, images)

    def patch_item(
        self, item: str, changes: Mapping[str, Any], images: Mapping[str, Picture] | None = None
    ) -> PutAnswer:
        """Change some fields of an item's document, where None removes one, and write images by name.

        All other fields stay. What others change at the same time is kept too, if those are other fields.

        Raises
        ------
        UnknownItemError, InvalidRequestError, InvalidCatalogueError, TooLargeError, ConflictError, StoreError,
        UnreachableError, UnexpectedAnswerError
        """
        return self._write("PATCH", item, changes, images)

    def delete_item(self, item: str) -> None:
        """Delete an item's document and images.

        Raises
        ------
        UnknownItemError, InvalidRequestError, StoreError, UnreachableError, UnexpectedAnswerError
        """
        self._send("DELETE", _item_path(item), AcceptedAnswer)

    def upload(self, picture: Picture) -> str:
        """Upload a query picture; what is returned may be asked with as ``upload`` for a day.

        Raises
        ------
        InvalidRequestError, StoreError, UnreachableError, UnexpectedAnswerError
        """
        form = self._send("POST", "/v1/uploads", UploadAnswer)
        name = picture.name if isinstance(picture, Path) else "picture"
        self._post(form, read_picture(picture), name)
        return form.upload

    def health(self) -> HealthAnswer:
        """Read what is live.

        Raises
        ------
        NotReadyError, StoreError, UnreachableError, UnexpectedAnswerError
        """
        return self._send("GET", "/v1/health", HealthAnswer)

    def openapi(self) -> dict[str, Any]:
        """Read the description of the API.

        Raises
        ------
        UnreachableError, UnexpectedAnswerError
        """
        return self._send("GET", "/openapi.json", dict[str, Any])

    def _ask(self, path: str, request: Question, answer: type[Answer]) -> Answer:
        """Send a query: a picture as it is with the rest around it, or by upload where that is too large."""
        light = self._light(request)
        if light.image is None:
            return self._send("POST", path, answer, light)
        response = self._request("POST", f"{path}?{_query_string(light)}", light.image, "application/octet-stream")
        return answer_of(response, answer, self._url)

    def _light(self, request: Question) -> Question:
        """Upload a picture that no request can carry, or whose parameters are too long for a query string."""
        if request.image is None or (
            len(request.image) <= MOST_DIRECT_BYTES and len(_query_string(request)) <= MOST_QUERY_CHARACTERS
        ):
            return request
        return replace(request, image=None, upload=self.upload(request.image))

    def _send(self, method: str, path: str, answer: type[Answer], value: Any = None) -> Answer:
        with _written():
            body = None if value is None else msgspec.json.encode(value)
        return answer_of(self._request(method, path, body), answer, self._url)

    def _write(
        self, method: str, item: str, fields: Mapping[str, Any], images: Mapping[str, Picture] | None
    ) -> PutAnswer:
        document = dict(fields)
        try:
            require_finite("The document", document)
        except ValueError as error:
            raise InvalidRequestError(f"{error} Write None, or leave the field out.") from error
        answer = self._send(method, _item_path(item), PutAnswer, document)
        for name, picture in (images or {}).items():
            self._post(answer.upload, read_picture(picture), name)
        return answer

    def _request(
        self, method: str, path: str, body: bytes | None = None, media_type: str = JSON
    ) -> urllib3.BaseHTTPResponse:
        headers = self._headers if body is None else {**self._headers, "content-type": media_type}
        return self._transport.request(method, f"{self._url}{path}", body, headers)

    def _post(self, form: UploadForm, data: bytes, name: str) -> None:
        content_type = PICTURE_SUFFIXES.get(Path(name).suffix.lower(), "image/jpeg")
        file = (nfc(name), data, content_type)
        parts: dict[str, str | tuple[str, bytes, str]] = {**form.fields, "Content-Type": content_type, "file": file}
        with _written():
            body, form_type = urllib3.encode_multipart_formdata(list(parts.items()))
        response = self._transport.request("POST", form.url, body, {"content-type": form_type})
        if response.status >= 300:
            text = response.data[:200].decode(errors="replace")
            raise UnexpectedAnswerError(f"The upload was refused with status {response.status}: {text}")


def read_picture(picture: Picture) -> bytes:
    """Give a picture's bytes.

    Raises
    ------
    InvalidRequestError
        If its file cannot be read.
    """
    if isinstance(picture, bytes):
        return picture
    try:
        return picture.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{picture} cannot be read: {error.strerror}.") from error


def _search_of(query: SearchRequest | Picture, options: SearchOptions | None) -> SearchRequest:
    if not isinstance(query, SearchRequest):
        return SearchRequest(**{**asdict(options or SearchOptions()), "image": read_picture(query)})
    if options is not None:
        raise InvalidRequestError("A SearchRequest has its own options: set them there, not beside it.")
    return query


def _query_string(request: SearchRequest | PredictRequest | ItemsRequest) -> str:
    """Write all parameters but the query, as far as they are not the defaults."""
    with _written():
        given = {
            field.name: value if isinstance(value, str) else msgspec.json.encode(value)
            for field in fields(request)
            if field.name not in SOLE_QUERIES and (value := getattr(request, field.name)) != field.default
        }
        return urlencode(given, quote_via=quote)


@contextmanager
def _written() -> Iterator[None]:
    """Refuse what cannot be written as UTF-8."""
    try:
        yield
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.end]
        message = f"{half!r} is half a surrogate pair, which is no character (was an emoji cut in two?)."
        raise InvalidRequestError(message) from error


def _item_path(item: str) -> str:
    return f"/v1/items/{quote(_read_id(item), safe='')}"


def _read_id(item: str) -> str:
    try:
        return id_text(item)
    except ValueError as error:
        raise InvalidRequestError(f"{error}.") from error
