"""Commands that ask the HTTP API: ``search``, ``predict``, ``status``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from tonari.errors import InvalidFilterError
from tonari_tools.cli.client import Client
from tonari_tools.cli.tables import prediction_table, search_table, status_table
from tonari_tools.cli.where import target_of


def search(arguments: Namespace) -> None:
    """Show the items nearest to a photograph."""
    where = _filter(arguments.filter) if arguments.filter else None
    _show(_client(arguments).search(arguments.photo, arguments.k, where), search_table, arguments)


def predict(arguments: Namespace) -> None:
    """Show what colour, category, … a photograph is of."""
    names = [name.strip() for name in arguments.attributes.split(",")] if arguments.attributes else None
    _show(_client(arguments).predict(arguments.photo, arguments.method, names), prediction_table, arguments)


def status(arguments: Namespace) -> None:
    """Show what is live."""
    url = target_of(arguments).url
    _show(Client(url).health(), lambda answer: status_table(answer, url), arguments)


def _client(arguments: Namespace) -> Client:
    return Client(target_of(arguments).url)


def _show(answer: dict[str, Any], lay_out: Callable[[dict[str, Any]], str], arguments: Namespace) -> None:
    print(json.dumps(answer, indent=1, ensure_ascii=False) if arguments.json else lay_out(answer))


def _filter(text: str) -> dict[str, Any]:
    try:
        where = json.loads(text)
    except ValueError as error:
        raise InvalidFilterError(f'--filter is not JSON ({error}); try \'{{"price": {{"$lt": 50}}}}\'.') from error
    if not isinstance(where, dict):
        raise InvalidFilterError('--filter must be a JSON object such as {"price": {"$lt": 50}}.')
    return where
