from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
from pathlib import Path

import pytest

import tonari
from tonari.engines.databases.lucene.http import RefusedError, _SilentError
from tonari.errors import EngineUnavailableError, MissingObjectError, RequestError, StoreError, TonariError

STATUS = {
    "ConflictError": 409,
    "CorruptArtefactError": 500,
    "EngineUnavailableError": 503,
    "ExactNotReadyError": 503,
    "InvalidCatalogueError": 422,
    "InvalidEncoderError": 500,
    "InvalidFilterError": 400,
    "InvalidImageError": 422,
    "InvalidRequestError": 400,
    "InvalidTextError": 400,
    "InvalidVectorError": 400,
    "LinkRefusedError": 403,
    "LostShardsError": 500,
    "MethodNotAllowedError": 405,
    "MissingCollectionError": 503,
    "MissingObjectError": 503,
    "NoSpaceError": 503,
    "NotFoundError": 404,
    "NotReadyError": 503,
    "OutOfTimeError": 500,
    "RefusedError": 503,
    "RequestError": 400,
    "SettingError": 500,
    "StaleCursorError": 410,
    "StoreError": 503,
    "TooLargeError": 413,
    "UnencodableImageError": 422,
    "UnexpectedAnswerError": 500,
    "UnfaithfulEngineError": 500,
    "UnknownItemError": 404,
    "UnreachableError": 500,
    "UnreadableError": 503,
    "UnsupportedByEngineError": 501,
    "UnsupportedEncodingError": 415,
    "UnsupportedImageError": 415,
    "UnsupportedQueryError": 400,
    "_SilentError": 503,
}
SHARE_A_PROBLEM: dict[type[TonariError], type[TonariError]] = {
    RequestError: TonariError,
    MissingObjectError: StoreError,
    RefusedError: EngineUnavailableError,
    _SilentError: EngineUnavailableError,
}


def below(error: type[TonariError]) -> list[type[TonariError]]:
    return [found for child in error.__subclasses__() for found in (child, *below(child))]


def shipped() -> list[type[TonariError]]:
    for module in pkgutil.walk_packages(tonari.__path__, "tonari."):
        if not module.name.startswith("tonari_tools"):
            importlib.import_module(module.name)
    found = [one for one in below(TonariError) if one.__module__.startswith("tonari.")]
    return sorted((one for one in found if not one.__module__.startswith("tonari_tools")), key=lambda one: one.__name__)


@functools.cache
def names_used() -> set[str]:
    files = [path for path in Path(tonari.__file__).parent.rglob("*.py") if path.name != "errors.py"]
    return {node.id for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}


ERRORS = shipped()
ALL: list[type[TonariError]] = [TonariError, *ERRORS]


def test_the_list_of_errors() -> None:
    assert {one.__name__: one.status for one in ERRORS} == STATUS
    assert list(STATUS) == sorted(STATUS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
class TestEachError:
    def test_says_what_it_means(self, error: type[TonariError]) -> None:
        assert error.__doc__
        assert error.__doc__ != error.__base__.__doc__
        assert error.title
        assert not error.title.endswith(".")

    def test_has_one_parent(self, error: type[TonariError]) -> None:
        assert len(error.__bases__) == 1
        assert len(error.__mro__) - len(TonariError.__mro__) in (1, 2)

    def test_is_the_callers_where_the_status_says_so(self, error: type[TonariError]) -> None:
        if issubclass(error, RequestError):
            assert 400 <= error.status < 500

    def test_keeps_its_detail(self, error: type[TonariError]) -> None:
        raised = error("The price is 5, at most 4 are taken: lower it.")

        assert raised.detail == str(raised) == "The price is 5, at most 4 are taken: lower it."

    def test_is_used(self, error: type[TonariError]) -> None:
        assert error.__name__ in names_used()


def test_each_problem_has_one_class() -> None:
    own = [one for one in ALL if one not in SHARE_A_PROBLEM]

    assert len({one.slug for one in own}) == len(own)
    assert len({one.title for one in own}) == len(own)
    for one, other in SHARE_A_PROBLEM.items():
        assert issubclass(one, other)
        assert (one.slug, one.title) == (other.slug, other.title)


def test_slugs_can_stand_in_a_urn() -> None:
    for one in ALL:
        assert one.slug.replace("-", "").isalpha()
        assert one.slug == one.slug.lower()
