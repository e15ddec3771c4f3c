"""What can go wrong. Each class has one meaning, one HTTP status and one problem type (RFC 9457)."""

from __future__ import annotations

from typing import ClassVar


class TonariError(Exception):
    """Root of all errors that tonari raises on purpose.

    Parameters
    ----------
    detail
        What is wrong, the limit that was met and the remedy, in one or two sentences.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something failed on our side"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class RequestError(TonariError):
    """The caller can mend it."""

    status = 400


class InvalidRequestError(RequestError):
    """A body or parameter that is not of the documented form."""

    slug = "invalid-request"
    title = "The request is not of the documented form"


class InvalidFilterError(RequestError):
    """A filter that names an unknown field, operator or type, or is too deep or too long."""

    slug = "invalid-filter"
    title = "The filter cannot be applied"


class InvalidVectorError(RequestError):
    """A query vector of another dimension, or with NaN, infinity or no length."""

    slug = "invalid-vector"
    title = "The query vector cannot be used"


class InvalidTextError(RequestError):
    """A text with nothing that can be looked for, or one that cannot be encoded."""

    slug = "invalid-text"
    title = "The text cannot be searched with"


class UnsupportedQueryError(RequestError):
    """A kind of query that this catalogue cannot answer: a text, say, where no item has words."""

    slug = "unsupported-query"
    title = "This catalogue cannot be searched with such a query"


class UnknownItemError(RequestError):
    """No item has this id."""

    status = 404
    slug = "unknown-item"
    title = "No such item"


class NotFoundError(RequestError):
    """No route has this path."""

    status = 404
    slug = "not-found"
    title = "No such path"


class LinkRefusedError(RequestError):
    """A presigned link or form that has expired, was changed, or is used for something else."""

    status = 403
    slug = "link-refused"
    title = "The link is not valid"


class MethodNotAllowedError(RequestError):
    """The path exists, the method does not."""

    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"


class StaleCursorError(RequestError):
    """A cursor that scores of another encoder stand in."""

    status = 410
    slug = "stale-cursor"
    title = "The cursor continues nothing any more"


class TooLargeError(RequestError):
    """A body or picture over a stated limit."""

    status = 413
    slug = "too-large"
    title = "Over a limit"


class UnsupportedEncodingError(RequestError):
    """A body that is packed in another way than those that are read."""

    status = 415
    slug = "unsupported-encoding"
    title = "The body is packed in a way that is not read"


class UnsupportedImageError(RequestError):
    """Bytes that are not a picture in one of the allowed formats."""

    status = 415
    slug = "unsupported-image"
    title = "Not a picture in a supported format"


class InvalidImageError(RequestError):
    """A picture of an allowed format that is damaged or hostile."""

    status = 422
    slug = "invalid-image"
    title = "The picture cannot be decoded"


class UnencodableImageError(RequestError):
    """A picture for which the encoder gives no vector, or for which memory does not suffice."""

    status = 422
    slug = "unencodable-image"
    title = "The picture cannot be encoded"


class InvalidCatalogueError(TonariError):
    """An item document, ``schema.json`` or metadata table that is not of the documented form."""

    status = 422
    slug = "invalid-catalogue"
    title = "The catalogue cannot be read"


class InvalidEncoderError(TonariError):
    """A model or ``encoder.json`` that cannot serve as an encoder."""

    slug = "invalid-encoder"
    title = "The encoder cannot be used"


class SettingError(TonariError):
    """An environment variable that a function cannot do without is missing or cannot be read."""

    slug = "setting"
    title = "A setting is missing or wrong"


class NotReadyError(TonariError):
    """Nothing has been published yet."""

    status = 503
    slug = "not-ready"
    title = "Nothing is published yet"


class ExactNotReadyError(TonariError):
    """What an exact answer is computed from is still being fetched, or cannot be fetched."""

    status = 503
    slug = "exact-not-ready"
    title = "Answers cannot be exact yet"


class OutOfTimeError(TonariError):
    """A run cannot end within the time that it was given."""

    slug = "out-of-time"
    title = "The time ran out"


class LostShardsError(TonariError):
    """Some shards of a rebuild could not be encoded, however often it was tried."""

    slug = "lost-shards"
    title = "Some pictures or passages could not be encoded"


class StoreError(TonariError):
    """S3 did not do what was asked; trying again may help."""

    status = 503
    slug = "store-unavailable"
    title = "The store did not answer"


class MissingObjectError(StoreError):
    """No object has this key."""


class NoSpaceError(StoreError):
    """The folder of this machine in which downloads are kept is full."""

    slug = "no-space"
    title = "No room for downloads"


class ConflictError(StoreError):
    """A conditional write lost against another writer."""

    status = 409
    slug = "conflict"
    title = "Another writer came first"


class EngineUnavailableError(TonariError):
    """The search engine elsewhere cannot be reached, or failed; trying again may help."""

    status = 503
    slug = "engine-unavailable"
    title = "The search engine did not answer"


class MissingCollectionError(EngineUnavailableError):
    """The search engine elsewhere does not hold what is live."""

    slug = "engine-not-loaded"
    title = "The search engine does not hold what is live"


class UnfaithfulEngineError(TonariError):
    """The search engine elsewhere does not hold what was written to it, or answers something else."""

    slug = "unfaithful-engine"
    title = "The search engine does not hold what was loaded"


class UnsupportedByEngineError(TonariError):
    """What the search engine elsewhere cannot do, and nothing can do in its place."""

    status = 501
    slug = "unsupported-by-engine"
    title = "This search engine cannot answer such a query"


class CorruptArtefactError(TonariError):
    """Bytes whose sha256 is not the one that was recorded."""

    slug = "corrupt-artefact"
    title = "A stored file is damaged"


class UnreadableError(TonariError):
    """Neither what is live nor what was live before can be read."""

    status = 503
    slug = "unreadable"
    title = "Nothing that was published can be read"


class UnreachableError(TonariError):
    """No answer came from the URL that a client asks."""

    slug = "unreachable"
    title = "Nobody answers"


class UnexpectedAnswerError(TonariError):
    """An answer came that is not tonari's: of a gateway, a proxy or another service."""

    slug = "unexpected-answer"
    title = "The answer is not tonari's"
