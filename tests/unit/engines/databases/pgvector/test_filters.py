from __future__ import annotations

import pytest

from tonari.contract.filter_tree import EVERYTHING, And, Condition, Filter, Not, Or, Range
from tonari.engines.databases.pgvector.filters import Where, in_range, matching
from tonari.engines.databases.pgvector.layout import Column
from tonari.errors import InvalidFilterError

COLUMNS = {
    "price": Column("i.f0", "number"),
    "brand": Column("i.f1", "string"),
    "tags": Column("i.f2", "strings"),
    "new": Column("i.f3", "boolean"),
}


@pytest.mark.parametrize(
    ("tree", "sql", "parameters"),
    [
        (Condition("price", "$lt", (5,)), "i.f0 < %s::float8", (5.0,)),
        (Condition("price", "$in", (1, 2)), "i.f0 = ANY(%s::float8[])", ([1.0, 2.0],)),
        (Condition("brand", "$eq", ("it's",)), "i.f1 = ANY(%s::text[])", (["it's"],)),
        (Condition("brand", "$ne", ("a\0",)), "NOT coalesce(i.f1 = ANY(%s::text[]), FALSE)", (["a\1\1"],)),
        (Condition("tags", "$eq", ("a",)), "i.f2 && %s::text[]", (["a"],)),
        (Condition("new", "$nin", (True,)), "NOT coalesce(i.f3 = ANY(%s::boolean[]), FALSE)", ([True],)),
        (Condition("new", "$exists", (True,)), "i.f3 IS NOT NULL", ()),
        (Condition("new", "$exists", (False,)), "i.f3 IS NULL", ()),
        (Condition("other", "$exists", (False,)), "TRUE", ()),
        (Condition("other", "$eq", ("x",)), "FALSE", ()),
        (Condition("other", "$nin", ("x",)), "TRUE", ()),
        (And(()), "TRUE", ()),
        (Or(()), "FALSE", ()),
        (
            Not(Or((Condition("price", "$gte", (1,)), Condition("new", "$eq", (True,))))),
            "NOT coalesce((i.f0 >= %s::float8 OR i.f3 = ANY(%s::boolean[])), FALSE)",
            (1.0, [True]),
        ),
    ],
)
def test_filters_are_conditions_with_parameters(tree: Filter, sql: str, parameters: tuple[object, ...]) -> None:
    assert matching(tree, COLUMNS) == Where(sql, parameters)


def test_ranges() -> None:
    within = Range(Condition("price", "$gt", (1,)), ids=("a", "b"), excluded=("c",))

    assert in_range(EVERYTHING, COLUMNS) == Where("(NOT i.deleted)")
    assert in_range(within, COLUMNS) == Where(
        "(NOT i.deleted AND i.f0 > %s::float8 AND i.id = ANY(%s::text[]) AND i.id <> ALL(%s::text[]))",
        (1.0, ["a", "b"], ["c"]),
    )


def test_texts_have_no_order() -> None:
    with pytest.raises(InvalidFilterError, match="numbers and dates only"):
        matching(Condition("brand", "$gt", ("a",)), COLUMNS)
