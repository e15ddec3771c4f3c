"""Single parameters -> checked values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tonari.contract import strict_json
from tonari.errors import InvalidRequestError

LISTS = ("attributes", "facets", "fields", "ids", "include", "predict")
IN_JSON = ("diversity", "exact", "filter", "k", "min_score", "per_group")


def from_text(name: str, text: str) -> Any:
    """Read a value of the query string: JSON, a list with commas, or the text itself.

    Raises
    ------
    InvalidRequestError
    """
    if name in LISTS:
        return text.split(",") if text else []
    if name in IN_JSON:
        try:
            return strict_json.loads(text)
        except ValueError as error:
            raise InvalidRequestError(f"{name!r} cannot be read: {error}") from error
    return text


def read_name(values: Mapping[str, Any], name: str) -> str:
    """Take a text that is not empty.

    Raises
    ------
    InvalidRequestError
    """
    value = values[name]
    if not isinstance(value, str) or not value:
        raise InvalidRequestError(f"{name!r} is a text that is not empty.")
    return value


def read_count(values: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """Take a whole number from 1.

    Raises
    ------
    InvalidRequestError
    """
    count = values.get(name, default)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= most:
        raise InvalidRequestError(f"{name!r} is a whole number from 1 to {most:,}, not {count!r:.40}.")
    return count


def read_number(values: Mapping[str, Any], name: str, default: float, least: float, what: str) -> float:
    """Take a number up to 1.

    Raises
    ------
    InvalidRequestError
    """
    number = values.get(name, default)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not least <= number <= 1:
        raise InvalidRequestError(f"{name!r} is {what} from {least:g} to 1, not {number!r:.40}.")
    return float(number)


def read_flag(values: Mapping[str, Any], name: str) -> bool:
    """Take true or false, which is the default.

    Raises
    ------
    InvalidRequestError
    """
    flag = values.get(name, False)
    if not isinstance(flag, bool):
        raise InvalidRequestError(f"{name!r} is true or false, not {flag!r:.40}.")
    return flag


def read_texts(values: Mapping[str, Any], name: str, what: str, most: int | None = None) -> tuple[str, ...] | None:
    """Take a list of texts, None if there is none.

    Parameters
    ----------
    what
        What the texts are, for the error.
    most
        How many may be given.

    Raises
    ------
    InvalidRequestError
    """
    texts = values.get(name)
    if texts is None:
        return None
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise InvalidRequestError(f"{name!r} is a list of {what}.")
    if most is not None and len(texts) > most:
        raise InvalidRequestError(f"{name!r} has {len(texts):,} {what}, at most {most} are taken.")
    return tuple(texts)
