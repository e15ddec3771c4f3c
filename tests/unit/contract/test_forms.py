from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

import tonari
from tonari.contract.forms import convert, decoder

PACKAGE = Path(tonari.__file__).parent
READS_A_TYPE = {"convert", "Decoder"}


class Point(msgspec.Struct):
    x: int
    y: int = 0


def test_types_are_read() -> None:
    assert decoder(Point).decode(b'{"x": 1}') == Point(1)
    assert decoder(Point) is decoder(Point)
    assert convert({"x": "1"}, Point, strict=False) == Point(1)
    assert convert(Point(2), Point, from_attributes=True) == Point(2)
    with pytest.raises(msgspec.ValidationError):
        convert({"x": "1"}, Point)


def test_many_threads_get_one_decoder() -> None:
    class New(msgspec.Struct):
        x: int

    with ThreadPoolExecutor(8) as pool:
        assert len({id(one) for one in pool.map(lambda _: decoder(New), range(64))}) == 1


def test_msgspec_meets_a_type_in_one_place_alone() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("msgspec."):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            typed = name in READS_A_TYPE or (name == "decode" and any(word.arg == "type" for word in node.keywords))
            if typed and path.name != "forms.py":
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node.func)}")
    assert found == []
