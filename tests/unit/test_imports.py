"""The house: imports point one way, and some third-party packages have one importer each."""

from __future__ import annotations

import ast
import functools
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tonari

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = Path(tonari.__file__).parent
FUNCTIONS = PACKAGE.parents[2] / "functions"

ROWS = (
    {"tonari", "tonari.errors", "tonari.config", "tonari.strict_json"},
    {"tonari.native", "tonari.store"},
    {
        "tonari.encoder",
        "tonari.encoder_config",
        "tonari.image",
        "tonari.image_framing",
        "tonari.image_guards",
        "tonari.image_header",
        "tonari.image_tensor",
    },
    {
        "tonari.attributes",
        "tonari.calibration",
        "tonari.cells",
        "tonari.fields",
        "tonari.gates",
        "tonari.holdout",
        "tonari.index",
        "tonari.kmeans",
        "tonari.planner",
        "tonari.ranking",
        "tonari.trials",
        "tonari.visits",
    },
    {
        "tonari.audit",
        "tonari.build",
        "tonari.cache",
        "tonari.catalogue",
        "tonari.checkpoints",
        "tonari.encoder_store",
        "tonari.head",
        "tonari.intake",
        "tonari.manifest",
        "tonari.part_arrays",
        "tonari.parts",
        "tonari.refusals",
        "tonari.segments",
        "tonari.snapshot",
        "tonari.snapshot_files",
    },
    {
        "tonari.candidates",
        "tonari.cursor",
        "tonari.items",
        "tonari.prediction",
        "tonari.query",
        "tonari.ranges",
        "tonari.search",
        "tonari.rebuild",
        "tonari.rebuild_requests",
        "tonari.reindex",
        "tonari.serving",
        "tonari.summary",
        "tonari.survey",
    },
    {"tonari.api"},
    {"tonari.local"},
)
USE_CASES = {"tonari.query", "tonari.reindex", "tonari.rebuild"}
ONLY_IMPORTERS = {
    "onnxruntime": ("tonari.native",),
    "usearch": ("tonari.native",),
    "numkong": ("tonari.native",),
    "boto3": ("tonari.store", "tonari.local"),
    "botocore": ("tonari.store", "tonari.local"),
}
NUMERICS = (
    "tonari.attributes",
    "tonari.audit",
    "tonari.calibration",
    "tonari.cells",
    "tonari.fields",
    "tonari.gates",
    "tonari.holdout",
    "tonari.index",
    "tonari.kmeans",
    "tonari.planner",
    "tonari.ranking",
    "tonari.trials",
    "tonari.visits",
)
INPUT_AND_OUTPUT = ("os", "io", "pathlib", "shutil", "tempfile", "socket", "subprocess", "urllib", "http", "logging")


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def row_of(module: str) -> int | None:
    for row, rooms in enumerate(ROWS):
        if any(module == room or (room != "tonari" and within(module, room)) for room in rooms):
            return row
    return None


parse = functools.cache(ast.parse)


def imports(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Give all that a module imports, wherever in it, also for the type checker alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


def violations(sources: Mapping[str, str]) -> set[str]:
    known = set(sources)
    trees = {module: parse(source) for module, source in sources.items()}
    imported = {module: set(imports(tree, known)) for module, tree in trees.items()}
    found = {message for module, names in imported.items() for message in _wrong_imports(module, names)}
    found |= {
        f"{module} opens files"
        for module, tree in trees.items()
        if any(within(module, room) for room in NUMERICS)
        and any(isinstance(node, ast.Name) and node.id == "open" for node in ast.walk(tree))
    }
    try:
        TopologicalSorter({module: names & known for module, names in imported.items()}).prepare()
    except CycleError as error:
        found.add(f"cycle: {' '.join(sorted(set(error.args[1])))}")
    return found


def _wrong_imports(module: str, names: set[str]) -> Iterator[str]:
    row = row_of(module)
    if row is None:
        yield f"{module} stands in no row"
        return
    for name in names:
        root = name.partition(".")[0]
        if name.startswith("."):
            yield f"{module} imports {name}, relatively"
        elif root == "tonari":
            there = row_of(name)
            if there is None or there > row:
                yield f"{module} imports {name}, from a row above"
            if module in USE_CASES and name in USE_CASES:
                yield f"{module} imports {name}, another use case"
        if root in ONLY_IMPORTERS and not any(within(module, allowed) for allowed in ONLY_IMPORTERS[root]):
            yield f"{module} imports {root}"
        if any(within(module, room) for room in NUMERICS) and (name == "tonari.store" or root in INPUT_AND_OUTPUT):
            yield f"{module} is numerics, {name} is not"


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("tonari", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return found


def test_imports_point_one_way(sources: dict[str, str]) -> None:
    assert {"tonari.native", "tonari.fields.filters", "tonari.api.app", "tonari.local.cli"} <= sources.keys()
    assert violations(sources) == set()


def test_each_room_of_the_house_exists(sources: dict[str, str]) -> None:
    rooms = {room for row in ROWS for room in row}

    assert rooms <= sources.keys()


def test_handlers_know_the_api_alone() -> None:
    handlers = sorted(FUNCTIONS.glob("*/handler.py"))

    assert [path.parent.name for path in handlers] == ["query", "rebuild", "reindex"]
    for path in handlers:
        named = set(imports(parse(path.read_text()), set()))
        assert all(within(name, "tonari.api") for name in named), path


@pytest.mark.parametrize(
    ("module", "addition", "found"),
    [
        ("tonari.errors", "import tonari.native", "tonari.errors imports tonari.native, from a row above"),
        ("tonari.query", "from tonari.api import http", "tonari.query imports tonari.api.http, from a row above"),
        ("tonari.store", "from tonari.head import Head", "tonari.store imports tonari.head, from a row above"),
        ("tonari.api.page", "import tonari.local.cli", "tonari.api.page imports tonari.local.cli, from a row above"),
        ("tonari.index", "from tonari.parts import Part", "tonari.index imports tonari.parts, from a row above"),
        ("tonari.query", "import tonari.nowhere", "tonari.query imports tonari.nowhere, from a row above"),
        ("tonari.query", "import tonari.rebuild", "tonari.query imports tonari.rebuild, another use case"),
        ("tonari.query", "from . import store", "tonari.query imports ., relatively"),
        ("tonari.encoder", "import onnxruntime as ort", "tonari.encoder imports onnxruntime"),
        ("tonari.local.demo", "from usearch.index import Index", "tonari.local.demo imports usearch"),
        ("tonari.catalogue", "def late():\n    import boto3", "tonari.catalogue imports boto3"),
        ("tonari.api.app", "from botocore.config import Config", "tonari.api.app imports botocore"),
        ("tonari.index", "from tonari.store import Bucket", "tonari.index is numerics, tonari.store is not"),
        ("tonari.fields.columns", "from pathlib import Path", "tonari.fields.columns is numerics, pathlib is not"),
        ("tonari.attributes", "import os.path", "tonari.attributes is numerics, os.path is not"),
        ("tonari.attributes", "open('weights')", "tonari.attributes opens files"),
        ("tonari.unheard_of", "import json", "tonari.unheard_of stands in no row"),
    ],
)
def test_what_breaks_the_house_is_found(sources: dict[str, str], module: str, addition: str, found: str) -> None:
    broken = {**sources, module: f"{sources.get(module, '')}\n{addition}\n"}

    assert found in violations(broken)


def test_a_cycle_within_a_row_is_found(sources: dict[str, str]) -> None:
    broken = {**sources, "tonari.head": f"{sources['tonari.head']}\nfrom tonari.segments import Segment\n"}

    assert violations(broken) == {"cycle: tonari.head tonari.segments"}
