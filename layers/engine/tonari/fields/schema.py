"""Which fields there are, of what type, and which of them are predicted, filtered by and returned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from tonari.contract.artefacts import PassageFields
from tonari.contract.decoding import nearest_name
from tonari.contract.engine import FieldType
from tonari.contract.strict_json import LARGEST_EXACT, read_json
from tonari.errors import InvalidCatalogueError
from tonari.fields.kinds import is_exact, is_given, kind_of, parse_date, stands_for_missing, text_of
from tonari.fields.label_like import judge

TYPES: tuple[str, ...] = get_args(FieldType)
RESERVED = ("id", "images")
FLAGS = ("attribute", "filterable", "returned", "searched")

PRECISION = 0.9
MOST_DESCRIBED = 1_000
"""Classes of one attribute that are described in words."""


_FORM = 'schema.json must be {"fields": {name: {…}}, "split_by": …, "passages": {…}}'


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the item documents.

    Parameters
    ----------
    type
        What its values are; others are treated as missing.
    attribute
        Whether it is predicted.
    filterable
        Whether filters may name it.
    returned
        Whether answers show it.
    searched
        Whether items are found by its words; those of a hidden field only if ``schema.json`` says so.
    precision
        How often a predicted value that is given shall be right; less sure ones are withheld.
    missing
        Texts that stand for a missing value in a field of texts, compared without regard to case; None for those of
        :data:`tonari.fields.kinds.MISSING`.
    unpredicted
        Why the field is no attribute though its texts repeat as labels do; empty where ``schema.json`` names it.
    classes
        What the classes of an attribute look like or speak of, in words: for those without labelled items.
    """

    type: FieldType
    attribute: bool = False
    filterable: bool = True
    returned: bool = True
    searched: bool = True
    precision: float = PRECISION
    missing: tuple[str, ...] | None = None
    unpredicted: str = ""
    classes: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, text: str) -> bool:
        """Tell whether a text stands for a missing value."""
        if self.missing is None:
            return stands_for_missing(text)
        return text.strip().lower() in self.missing


@dataclass(frozen=True, slots=True)
class Schema:
    """All fields by name, and what is said of all of them together.

    Parameters
    ----------
    split_by
        The field whose hash decides which items are held out; empty: the id.
    passages
        The fields that passages are made from.
    """

    fields: Mapping[str, Field]
    split_by: str = ""
    passages: PassageFields = PassageFields()  # noqa: RUF009 - immutable

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the fields that are predicted."""
        return tuple(name for name, field in self.fields.items() if field.attribute)

    def why_not(self, name: str) -> str | None:
        """Say why a field cannot be filtered by, grouped by or counted, and which may be meant; None if it can."""
        return self._absent(name, {known for known, field in self.fields.items() if field.filterable}, "filterable")

    def why_hidden(self, name: str) -> str | None:
        """Say why an answer cannot show a field, and which one may be meant; None if it can."""
        return self._absent(name, {known for known, field in self.fields.items() if field.returned}, "returned")

    def _absent(self, name: str, usable: set[str], what: str) -> str | None:
        if name in usable:
            return None
        near = nearest_name(name, sorted(usable))
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(usable)[:20]) or 'none'}."
        return f"{name!r:.80} {f'is not {what}' if name in self.fields else 'is no known field'}; {hint}"


def parse_schema(data: bytes, documents: Iterable[Mapping[str, Any]] = ()) -> Schema:
    """Read ``schema.json``; fields it does not name are inferred from the documents.

    Raises
    ------
    InvalidCatalogueError
        If it is not of the documented form.
    """
    try:
        raw = read_json(data)
    except ValueError as error:
        raise InvalidCatalogueError(f"{_FORM}: {error}") from error
    return schema_of(raw, documents)


def schema_of(raw: Any, documents: Iterable[Mapping[str, Any]] = ()) -> Schema:
    """Do what :func:`parse_schema` does, with JSON that was read."""
    try:
        named = {name: _field(name, about) for name, about in raw.get("fields", {}).items()}
        split_by = raw.get("split_by", "")
        unknown = set(raw) - {"fields", "split_by", "passages"}
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidCatalogueError(f"{_FORM}: {error}") from error
    if unknown or not isinstance(split_by, str):
        raise InvalidCatalogueError(
            f"schema.json knows 'fields', 'split_by' (a name) and 'passages', not {sorted(unknown)}."
        )
    passages = _passages(raw.get("passages", {}))
    return Schema({**infer_schema(documents).fields, **named}, split_by, passages)


def _passages(about: Any) -> PassageFields:
    said = {name: [value] if isinstance(value, str) else value for name, value in _parts(about)}
    for name, value in said.items():
        known = name in ("title", "text") and isinstance(value, (list, tuple))
        if not known or not all(isinstance(one, str) and one and one not in RESERVED for one in value):
            raise InvalidCatalogueError(
                f"schema.json: passages has {name!r:.40}: {value!r:.80}; it knows 'title' and 'text', each the name of "
                'a field or a list of names, such as {"title": "headline", "text": ["intro", "body"]}.'
            )
    return PassageFields(**{name: tuple(value) for name, value in said.items()})


def _parts(about: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(about, dict):
        raise InvalidCatalogueError(
            f'schema.json: passages is {about!r:.40}; it is an object, such as {{"title": "headline", "text": "body"}}.'
        )
    return about.items()


def _field(name: str, about: Mapping[str, Any]) -> Field:
    if name in RESERVED:
        raise InvalidCatalogueError(f"schema.json: {name!r} is not a field of its own.")
    kind = about.get("type", "string" if about.get("classes") else None)
    if kind not in TYPES:
        raise InvalidCatalogueError(f"schema.json: field {name!r} has type {kind!r}; known are {', '.join(TYPES)}.")
    precision = _precision(name, about.get("precision", PRECISION))
    missing = _missing(name, kind, about.get("missing"))
    classes = _classes(name, about.get("classes") or {})
    others = ("type", "precision", "missing", "unpredicted", "classes")
    flags = {flag: value for flag, value in about.items() if flag not in others}
    wrong = {f for f, v in flags.items() if f not in FLAGS or not isinstance(v, bool)}
    if wrong:
        raise InvalidCatalogueError(
            f"schema.json: field {name!r} has {sorted(wrong)}; known are {', '.join(FLAGS)}: true/false; "
            "precision: a number; missing: a list of texts; classes: an object of texts."
        )
    unpredicted = str(about.get("unpredicted", ""))
    flags.setdefault("searched", flags.get("returned", True))
    made = Field(kind, **flags, precision=precision, missing=missing, unpredicted=unpredicted, classes=classes)
    if classes and not (made.attribute and kind in ("string", "strings")):
        raise InvalidCatalogueError(
            f"schema.json: {name!r} describes classes, but only attributes that are string or strings have such: say "
            '"attribute": true.'
        )
    if made.attribute and kind not in ("string", "boolean", "strings"):
        raise InvalidCatalogueError(
            f"schema.json: {name!r} is {kind}; only string, strings and boolean fields can be attributes."
        )
    return made


def _classes(name: str, about: Any) -> dict[str, str]:
    told = isinstance(about, dict) and all(
        isinstance(text, str) and text.strip() and one.strip() for one, text in about.items()
    )
    if not told or len(about) > MOST_DESCRIBED:
        raise InvalidCatalogueError(
            f"schema.json: field {name!r} has classes {about!r:.80}; it is an object of at most {MOST_DESCRIBED:,} "
            'classes, each with a description, such as {"boho": "a loose dress with a floral print"}.'
        )
    return dict(about)


def _precision(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidCatalogueError(
            f"schema.json: field {name!r} has precision {value!r:.40}; it is a share from 0 (always answer) to 1."
        )
    return float(value)


def _missing(name: str, kind: FieldType, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InvalidCatalogueError(
            f"schema.json: field {name!r} has missing {value!r:.40}; it is a list of the texts that stand for no "
            'value, such as ["n/a"], or [] if each text is a value.'
        )
    if kind not in ("string", "strings"):
        raise InvalidCatalogueError(f"schema.json: {name!r} is {kind}; only string and strings fields have missing.")
    return tuple(sorted({text.strip().lower() for text in value}))


def infer_schema(documents: Iterable[Mapping[str, Any]]) -> Schema:
    """Infer types and attributes from item documents.

    A field is an attribute when it is a string whose values :func:`tonari.fields.label_like.judge` takes for labels.
    Texts that stand for a missing value are none.
    Numbers are codes, and so strings, where at least half of them are whole numbers beyond 2**53 and a float64 does not
    hold them all: one wrong price shall not make a string of all prices.
    """
    found: dict[str, _Seen] = {}
    for document in documents:
        for name, value in document.items():
            if name not in RESERVED and value is not None:
                found.setdefault(name, _Seen()).add(value)
    return Schema({name: seen.field() for name, seen in sorted(found.items()) if seen.kinds or seen.empty})


class _Seen:
    """What the values of one field are."""

    def __init__(self) -> None:
        self.kinds: set[FieldType] = set()
        self.empty: set[FieldType] = set()
        self._classes: Counter[str] = Counter()
        self._numbers = self._large = self._inexact = 0

    def add(self, value: Any) -> None:
        """Look at one more."""
        kind = kind_of(value)
        if kind is not None and (not is_given(value) or (isinstance(value, str) and stands_for_missing(value))):
            self.empty.add(kind)
            return
        if kind is None and isinstance(value, list):
            kind = "strings"  # that its values cannot be used is then said
        if kind is None:
            return
        self.kinds.add(kind)
        if kind == "string":
            self._classes[value] += 1
        elif kind == "number":
            self._numbers += 1
            self._large += isinstance(value, int) and abs(value) > LARGEST_EXACT
            self._inexact += not is_exact(value)

    def field(self) -> Field:
        """Say what field they make; empty texts and lists count where there is nothing else."""
        codes = self._inexact > 0 and 2 * self._large >= self._numbers
        kinds: set[FieldType] = {"string" if codes and kind == "number" else kind for kind in self.kinds or self.empty}
        return _inferred(kinds, self._classes)


def _inferred(kinds: set[FieldType], counts: Counter[str]) -> Field:
    if kinds == {"string"} and counts and all(parse_date(value) is not None for value in counts):
        return Field("date")
    mixed: FieldType = "strings" if "strings" in kinds else "string"
    kind = next(iter(kinds)) if len(kinds) == 1 else mixed
    if kind != "string" or not counts:
        return Field(kind)
    verdict = judge(counts)
    unpredicted = verdict.reason if verdict.repeated and not verdict.labels else ""
    return Field(kind, attribute=verdict.labels, unpredicted=unpredicted)


def values_of(value: Any, about: Field) -> tuple[Any, ...]:
    """Read a document's value as its field's type says.

    Returns
    -------
    The value, dates as seconds since 1970; of a list, its values as texts, sorted, each once. Nothing if the value is
    missing or of another type, a text that stands for a missing value, or a number that a float64 does not hold.
    """
    read: Any
    match about.type:
        case "number":
            read = float(value) if kind_of(value) == "number" and is_exact(value) else None
        case "date":
            read = parse_date(value) if isinstance(value, str) else None
        case "boolean":
            read = value if isinstance(value, bool) else None
        case "string":
            read = text_of(value) if kind_of(value) in ("string", "number", "boolean") else None
            if isinstance(value, str) and about.lacks(value):
                read = None
        case "strings":
            listed = value if isinstance(value, list) else [value]
            texts = set(map(text_of, listed)) if kind_of(listed) == "strings" else ()
            return tuple(sorted(text for text in texts if not about.lacks(text)))
    return () if read is None else (read,)
