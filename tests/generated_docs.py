"""What docs/ has of the contract: ``python tests/generated_docs.py`` (``make docs``) writes it anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from tonari.contract.openapi import openapi, schemas_of
from tonari.contract.parameters import QUERIES
from tonari.contract.requests import ItemsRequest, PredictRequest, SearchRequest
from tonari.contract.routes import ROUTES
from tonari.errors import MethodNotAllowedError, NotFoundError, TonariError

DOCS = Path(__file__).parents[1] / "docs"
OPENAPI, API = DOCS / "openapi.json", DOCS / "api.md"
BLOCK = re.compile(r"(?P<open><!-- from the code: (?P<name>\w+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL)


def openapi_text() -> str:
    return msgspec.json.format(msgspec.json.encode(openapi()), indent=1).decode() + "\n"


def api_text(text: str) -> str:
    """Write the tables of docs/api.md anew."""
    tables = {
        "routes": _routes(),
        "query": _query(),
        "search": _options(SearchRequest),
        "predict": _options(PredictRequest),
        "items": _options(ItemsRequest),
        "errors": _errors(),
    }
    return BLOCK.sub(lambda found: f"{found['open']}{tables[found['name']]}{found['close']}", text)


def _parameters(kind: type[Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schemas_of([kind])[kind.__name__]["properties"]
    return properties


def _query() -> str:
    properties = _parameters(SearchRequest)
    return _table(("name", "query"), [(f"`{name}`", properties[name]["description"]) for name in QUERIES])


def _options(kind: type[Any]) -> str:
    rows = [
        (f"`{name}`", _default(schema["default"]), schema["description"])
        for name, schema in _parameters(kind).items()
        if name not in QUERIES
    ]
    return _table(("parameter", "default", ""), rows)


def _default(value: Any) -> str:
    return "none" if value in (None, []) else f"`{msgspec.json.format(msgspec.json.encode(value), indent=-1).decode()}`"


def _routes() -> str:
    return _table(("route", ""), [(f"`{route.method} {route.path}`", route.summary) for route in ROUTES])


def _errors() -> str:
    of_every_path = (NotFoundError, MethodNotAllowedError, TonariError)
    kinds = {one.slug: one for one in (*(one for route in ROUTES for one in route.problems), *of_every_path)}
    rows = [
        (str(one.status), f"`{slug}`", one.title)
        for slug, one in sorted(kinds.items(), key=lambda found: (found[1].status, found[0]))
    ]
    return _table(("status", "type", ""), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("|  |", "| |")


if __name__ == "__main__":
    OPENAPI.write_text(openapi_text())
    API.write_text(api_text(API.read_text()))
