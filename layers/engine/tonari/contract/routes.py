"""The routes of the HTTP API: what each takes, what it answers and what can go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from msgspec import Struct

from tonari.contract.answers import (
    JSON,
    AcceptedAnswer,
    ItemAnswer,
    ItemsAnswer,
    PredictAnswer,
    PutAnswer,
    SearchAnswer,
    SearchesAnswer,
    UploadAnswer,
)
from tonari.contract.health import HealthAnswer
from tonari.contract.requests import (
    ImageRequest,
    ItemsRequest,
    PredictRequest,
    SearchesRequest,
    SearchOptions,
    SearchRequest,
)
from tonari.errors import (
    ConflictError,
    CorruptArtefactError,
    ExactNotReadyError,
    InvalidCatalogueError,
    InvalidFilterError,
    InvalidImageError,
    InvalidRequestError,
    InvalidTextError,
    InvalidVectorError,
    NoSpaceError,
    NotReadyError,
    StaleCursorError,
    StoreError,
    TonariError,
    TooLargeError,
    UnencodableImageError,
    UnknownItemError,
    UnreadableError,
    UnsupportedEncodingError,
    UnsupportedImageError,
    UnsupportedQueryError,
)

Problems = tuple[type[TonariError], ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Parameters
    ----------
    name
        In OpenAPI the ``operationId``, in the application the name of its handler.
    path
        ``{id}`` stands for an item's id.
    answers
        Structs, one of which is the JSON body; empty where another media type is answered.
    media_type
        Of the answer; empty where it has no body.
    status
        Of an answer that is no problem.
    query
        Which parameters the query string has; None if there are none, ``dict`` where any are passed over.
    bodies
        Structs, or ``dict`` for any JSON object, one of which is the JSON body; empty if there is no body.
    body_types
        Media types of the JSON body beside ``application/json``.
    takes_picture
        Whether the body may also be a picture, as it is or in a form; the other parameters then stand in the query
        string or in the form.
    problems
        What can go wrong.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    summary: str
    answers: tuple[type[Struct], ...] = ()
    media_type: str = JSON
    status: int = 200
    query: type[Any] | None = None
    bodies: tuple[type[Any], ...] = ()
    body_types: tuple[str, ...] = ()
    takes_picture: bool = False
    problems: Problems = ()


_READING: Problems = (
    InvalidRequestError,
    NotReadyError,
    UnreadableError,
    StoreError,
    NoSpaceError,
    CorruptArtefactError,
)
_BODY: Problems = (TooLargeError, UnsupportedEncodingError)
_ASKING: Problems = (
    *_READING,
    *_BODY,
    InvalidFilterError,
    InvalidVectorError,
    InvalidTextError,
    UnsupportedQueryError,
    UnknownItemError,
    UnsupportedImageError,
    InvalidImageError,
    UnencodableImageError,
)
_WRITING: Problems = (InvalidRequestError, StoreError)

ROUTES = (
    Route(
        "search",
        "POST",
        "/v1/search",
        "Find the items that are most like a picture, an item, a vector, examples or a text.",
        (SearchAnswer, SearchesAnswer),
        bodies=(SearchRequest, SearchesRequest),
        takes_picture=True,
        problems=(*_ASKING, StaleCursorError, ExactNotReadyError),
    ),
    Route(
        "predict",
        "POST",
        "/v1/predict",
        "Predict attributes of a picture, an item, a vector, examples or a text.",
        (PredictAnswer,),
        bodies=(PredictRequest,),
        takes_picture=True,
        problems=_ASKING,
    ),
    Route(
        "upload",
        "POST",
        "/v1/uploads",
        "Get a form by which a query picture can be posted.",
        (UploadAnswer,),
        problems=_WRITING,
    ),
    Route(
        "items",
        "GET",
        "/v1/items",
        "List items, filtered and in the order of a field.",
        (ItemsAnswer,),
        query=ItemsRequest,
        problems=(*_READING, InvalidFilterError, StaleCursorError, TooLargeError),
    ),
    Route("item", "GET", "/v1/items/{id}", "Read an item.", (ItemAnswer,), problems=(*_READING, UnknownItemError)),
    Route(
        "put_item",
        "PUT",
        "/v1/items/{id}",
        "Write an item's document; the body holds all its fields, and fields that it leaves out are gone.",
        (PutAnswer,),
        status=202,
        bodies=(dict,),
        problems=(*_WRITING, *_BODY, InvalidCatalogueError),
    ),
    Route(
        "patch_item",
        "PATCH",
        "/v1/items/{id}",
        "Change some fields of an item's document; the body holds those, null removes one [RFC 7396].",
        (PutAnswer,),
        status=202,
        bodies=(dict,),
        body_types=("application/merge-patch+json",),
        problems=(*_WRITING, *_BODY, InvalidCatalogueError, UnknownItemError, ConflictError),
    ),
    Route(
        "delete_item",
        "DELETE",
        "/v1/items/{id}",
        "Delete an item's document and images.",
        (AcceptedAnswer,),
        status=202,
        problems=(*_WRITING, UnknownItemError),
    ),
    Route(
        "similar",
        "GET",
        "/v1/items/{id}/similar",
        "Find the items that are most like an item.",
        (SearchAnswer,),
        query=SearchOptions,
        problems=(
            *_READING,
            InvalidFilterError,
            InvalidTextError,
            UnsupportedQueryError,
            UnknownItemError,
            StaleCursorError,
            ExactNotReadyError,
            TooLargeError,
        ),
    ),
    Route(
        "image",
        "GET",
        "/v1/items/{id}/image",
        "Be redirected to one of an item's images, by a link that works for 15 minutes.",
        media_type="",
        status=302,
        query=ImageRequest,
        problems=(*_READING, UnknownItemError),
    ),
    Route("health", "GET", "/v1/health", "Read what is live.", (HealthAnswer,), problems=_READING),
    Route("openapi", "GET", "/openapi.json", "Read this description of the API.", problems=(InvalidRequestError,)),
    Route(
        "page",
        "GET",
        "/",
        "Get a page that searches and predicts in the browser. It reads the query string itself.",
        media_type="text/html",
        query=dict,
    ),
)
WRITING = tuple(route for route in ROUTES if route.method in ("PUT", "PATCH", "DELETE"))
"""What changes the catalogue. On AWS a function of its own serves these, so that nobody else needs leave to write."""
READING = tuple(route for route in ROUTES if route not in WRITING)
