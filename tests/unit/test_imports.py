"""The house: imports point one way, and some third-party packages have one importer each."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import tonari
import tonari_tools

PACKAGE = Path(tonari.__file__).parent
TOOLS = Path(tonari_tools.__file__).parent
FUNCTIONS = PACKAGE.parents[2] / "functions"

ROWS = (
    {"errors", "config"},
    {"storage", "contract"},
    {"encoders", "fields", "images"},
    {"attributes", "index", "catalogue", "words"},
    {"snapshots", "audit", "grouping"},
    {"loading"},
    {"builds"},
    {"engines"},
    {"query"},
    {"api"},
    {"aws"},
)
"""Rooms from the ground up, as docs/architecture.md draws them."""
FACE = {"", "client", "embedded"}
"""Modules at the top, for who imports the package: they may use every room but these, and no room uses them."""
ABOVE_THE_FACE = {"aws", "api", "query", "engines", "builds"}
ADAPTERS = "engines"
"""Nobody but those who put the parts together knows which engine answers."""
KNOWS_ADAPTERS = {"aws"}
OWNERS = {
    "onnxruntime": "tonari.encoders.onnx",
    "usearch": "tonari.index.graph",
    "numkong": "tonari.index.kernels",
    "tantivy": "tonari.words.word_index",
    "psycopg": "tonari.engines.databases.pgvector.sessions",
    "vald": "tonari.engines.databases.vald.client",
    "pymilvus": "tonari.engines.databases.milvus.client",
    "boto3": "tonari.storage.s3",
    "botocore": "tonari.storage.s3 tonari.engines.databases.lucene.signed",
}
NUMERICS = {"attributes", "audit", "fields", "grouping", "index"}
TOOL_ROWS = (
    {"local_engines", "progress", "tables"},
    {"hub", "models.published", "operate", "push.table"},
    {"models", "push.folder"},
    {"onnx", "push.joining"},
    {"fit", "push", "report"},
    {"serve"},
    {"cli"},
)
"""Rooms of the local tools from the ground up; none imports another of its own row."""
INPUT_AND_OUTPUT = {"os", "io", "shutil", "tempfile", "socket", "subprocess", "urllib", "http", "logging"}


def room_of(module: str) -> str:
    return module.removeprefix("tonari").removeprefix(".").partition(".")[0]


def row_of(room: str) -> int | None:
    return next((number for number, rooms in enumerate(ROWS) if room in rooms), None)


parse = functools.cache(ast.parse)


def imports(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Give all that a module imports, wherever in it."""
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
        if room_of(module) in NUMERICS
        and any(isinstance(node, ast.Name) and node.id == "open" for node in ast.walk(tree))
    }
    between_rooms: dict[str, set[str]] = {}
    for module, names in imported.items():
        room = room_of(module)
        between_rooms.setdefault(room, set()).update(room_of(name) for name in names & known if room_of(name) != room)
    for graph in ({module: names & known for module, names in imported.items()}, between_rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            found.add(f"cycle: {' '.join(sorted(set(error.args[1])))}")
    return found


def _wrong_imports(module: str, names: set[str]) -> Iterator[str]:
    room = room_of(module)
    row = row_of(room)
    if row is None and room not in FACE:
        yield f"{module} stands in no room"
        return
    for name in names:
        root = name.partition(".")[0]
        if name.startswith("."):
            yield f"{module} imports {name}, relatively"
        elif root == "tonari" and name != "tonari":
            yield from _wrong_room(module, name)
        if root in OWNERS and module not in OWNERS[root].split():
            yield f"{module} imports {root}"
        if room in NUMERICS and (room_of(name) == "storage" or root in INPUT_AND_OUTPUT):
            yield f"{module} is numerics, {name} is not"


def tool_violations(sources: Mapping[str, str]) -> set[str]:
    """Name what a tool imports from a room that is not below its own, and circles within rooms."""
    rows = {room: number for number, rooms in enumerate(TOOL_ROWS) for room in rooms}

    def room(module: str) -> str:
        parts = module.split(".")[1:]
        return next((".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in rows), "")

    graph = {module: set(imports(parse(source), set(sources))) & set(sources) for module, source in sources.items()}
    found = {f"{module} stands in no room" for module in sources if module != TOOLS.name and not room(module)}
    found |= {
        f"{module} imports {name}, which is not below it"
        for module, names in graph.items()
        for name in names
        if room(name) != room(module) and rows.get(room(name), -1) >= rows.get(room(module), -1)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.add(f"cycle: {' '.join(sorted(set(error.args[1])))}")
    return found


def _wrong_room(module: str, name: str) -> Iterator[str]:
    here, there = room_of(module), room_of(name)
    if here in FACE:
        if there in ABOVE_THE_FACE:
            yield f"{module} imports {name}, a room above the face"
        return
    row, its_row = row_of(here), row_of(there)
    if row is None or its_row is None or its_row > row:
        yield f"{module} imports {name}, from a row above"
    if there == ADAPTERS and here not in {ADAPTERS, *KNOWS_ADAPTERS}:
        yield f"{module} imports {name}, an adapter"


def read_modules(package: Path) -> dict[str, str]:
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return found


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return read_modules(PACKAGE)


def test_imports_point_one_way(sources: dict[str, str]) -> None:
    assert {"tonari.index.graph", "tonari.fields.filters", "tonari.api.app"} <= sources.keys()
    assert violations(sources) == set()


def test_each_room_of_the_house_exists(sources: dict[str, str]) -> None:
    rooms = {f"tonari.{room}" for row in ROWS for room in row} | {"tonari.client", "tonari.embedded"}

    assert rooms <= sources.keys()


def test_handlers_know_the_room_of_lambda_alone() -> None:
    handlers = sorted(FUNCTIONS.glob("*/handler.py"))

    assert [path.parent.name for path in handlers] == ["items", "query", "rebuild", "reindex"]
    for path in handlers:
        named = set(imports(parse(path.read_text()), set()))
        assert {room_of(name) for name in named} == {"aws"}, path


@pytest.mark.parametrize(
    ("module", "addition", "found"),
    [
        ("tonari.errors", "import tonari.index.graph", "tonari.errors imports tonari.index.graph, from a row above"),
        (
            "tonari.query.search",
            "from tonari.api import http",
            "tonari.query.search imports tonari.api.http, from a row above",
        ),
        (
            "tonari.index.vectors",
            "from tonari.snapshots.table import Table",
            "tonari.index.vectors imports tonari.snapshots.table, from a row above",
        ),
        (
            "tonari.query.search",
            "import tonari.nowhere",
            "tonari.query.search imports tonari.nowhere, from a row above",
        ),
        ("tonari.query.search", "from . import store", "tonari.query.search imports ., relatively"),
        (
            "tonari.query.search",
            "from tonari.engines.builtin import BuiltinOpening",
            "tonari.query.search imports tonari.engines.builtin, an adapter",
        ),
        ("tonari.client", "import tonari.api.app", "tonari.client imports tonari.api.app, a room above the face"),
        ("tonari.encoders.image", "import onnxruntime as ort", "tonari.encoders.image imports onnxruntime"),
        ("tonari.builds.rebuild", "from usearch.index import Index", "tonari.builds.rebuild imports usearch"),
        ("tonari.catalogue.documents", "def late():\n    import boto3", "tonari.catalogue.documents imports boto3"),
        ("tonari.api.app", "from botocore.config import Config", "tonari.api.app imports botocore"),
        (
            "tonari.index.vectors",
            "from tonari.storage.bucket import Bucket",
            "tonari.index.vectors is numerics, tonari.storage.bucket is not",
        ),
        ("tonari.attributes", "import os.path", "tonari.attributes is numerics, os.path is not"),
        ("tonari.attributes", "open('weights')", "tonari.attributes opens files"),
        ("tonari.unheard_of", "import json", "tonari.unheard_of stands in no room"),
    ],
)
def test_what_breaks_the_house_is_found(sources: dict[str, str], module: str, addition: str, found: str) -> None:
    broken = {**sources, module: f"{sources.get(module, '')}\n{addition}\n"}

    assert found in violations(broken)


def test_a_cycle_within_a_room_is_found(sources: dict[str, str]) -> None:
    addition = "\nfrom tonari.snapshots.table import Table\n"
    broken = {**sources, "tonari.snapshots.indexed": f"{sources['tonari.snapshots.indexed']}{addition}"}

    assert violations(broken) == {"cycle: tonari.snapshots.indexed tonari.snapshots.table"}


def test_a_cycle_between_rooms_of_a_row_is_found(sources: dict[str, str]) -> None:
    addition = "\nfrom tonari.audit.examine import examine\n"
    broken = {**sources, "tonari.snapshots.head": f"{sources['tonari.snapshots.head']}{addition}"}

    assert "cycle: audit snapshots" in violations(broken)


def test_tools_import_what_is_below_them() -> None:
    sources = read_modules(TOOLS)
    assert {"tonari_tools.push.table.written_cells", "tonari_tools.models.published.timm"} <= sources.keys()
    assert tool_violations(sources) == set()


@pytest.mark.parametrize(
    ("module", "addition", "found"),
    [
        ("push.table.written_cells", "push.folder.walk", "which is not below it"),
        ("push.folder.walk", "push.joining.join", "which is not below it"),
        ("models.published.timm", "models.check", "which is not below it"),
        ("report.write", "push.upload", "which is not below it"),
        ("tables", "cli.main", "which is not below it"),
    ],
)
def test_a_tool_that_imports_upwards_is_found(module: str, addition: str, found: str) -> None:
    sources = read_modules(TOOLS)
    module, addition = f"tonari_tools.{module}", f"tonari_tools.{addition}"
    broken = {**sources, module: f"{sources.get(module, '')}\nimport {addition}\n"}

    assert f"{module} imports {addition}, {found}" in tool_violations(broken)
