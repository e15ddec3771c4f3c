"""How the house stands: modules, lines, floors and arrows.

    python tests/benchmarks/house.py layers/engine tools examples/shop

Each argument is a folder that holds packages. A module stands one floor above the highest of those that it imports; an
arrow is one module importing another. The third line has the same between rooms: folders, and modules at the top of a
package.
"""

from __future__ import annotations

import ast
import statistics
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def modules(roots: list[Path]) -> dict[str, Path]:
    found = {}
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if parts[0] not in {"build", "dist"}:
                found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & known or {node.module}
    return found & known


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    floor: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        floor[name] = 1 + max((floor[below] for below in graph.get(name, ())), default=0)
    return floor


def describe(title: str, graph: dict[str, set[str]]) -> str:
    arrows = sum(map(len, graph.values()))
    try:
        return f"{title}: {len(graph)}, arrows {arrows}, floors {max(floors(graph).values())}, no circle"
    except CycleError as error:
        return f"{title}: {len(graph)}, arrows {arrows}, a circle: {' -> '.join(error.args[1])}"


def main() -> None:
    paths = modules([Path(argument) for argument in sys.argv[1:]])
    lines = {name: len(path.read_text().splitlines()) for name, path in paths.items()}
    graph = {name: imports(path, set(paths)) - {name} for name, path in paths.items()}
    folder = {name: ".".join(name.split(".")[:2]) for name in paths}
    between: dict[str, set[str]] = {place: set() for place in folder.values()}
    for name, below in graph.items():
        between[folder[name]] |= {folder[one] for one in below} - {folder[name]}
    full = [count for name, count in lines.items() if paths[name].name != "__init__.py"]
    print(f"modules {len(paths)} ({len(full)} without __init__), lines {sum(lines.values())}, ", end="")
    print(
        f"median {statistics.median(full):g}, longest {max(full)}, under 40 lines {sum(count < 40 for count in full)}"
    )
    print(describe("modules", graph))
    print(describe("rooms", between))
    stems = [path.stem for path in paths.values() if path.name != "__init__.py"]
    print(f"file names that stand more than once: {sorted({stem for stem in stems if stems.count(stem) > 1})}")


if __name__ == "__main__":
    main()
