"""What was measured, as a page of tables and a picture."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .filters import KINDS, SELECTIVITIES, Cell, Prepared, cells
from .measure import GOOD

OURS = "tonari"
QUICK = 0.0004
"""Seconds: a tenth of one encoding. At or under it a cell is won whatever the peers take."""
PACKAGES = ("usearch", "numkong", "faiss-cpu", "hnswlib", "rii", "lancedb", "milvus-lite", "qdrant-client")


@dataclass(frozen=True)
class Verdict:
    """How a cell ended: won, or lost by how much and to whom."""

    cell: Cell
    recall: float
    p50: float
    peer: str
    peer_p50: float

    @property
    def lost(self) -> str:
        """Say what was lost; empty if nothing was."""
        if self.recall < GOOD:
            return f"recall {self.recall:.3f}"
        if self.p50 > max(QUICK, self.peer_p50):
            return f"{self.p50 * 1e3:.2f} ms against {self.peer_p50 * 1e3:.2f} ms ({self.peer})"
        return ""


def write_report(
    prepared: Mapping[str, Prepared], engines: Sequence[str], given: tuple[float, float], out: Path
) -> None:
    """Write `search.md`, and `search.png` if matplotlib is there."""
    sets = {name: _results(one.folder, engines) for name, one in prepared.items()}
    lines = [_head(given), *_verdicts(sets)]
    for name, results in sets.items():
        lines += _set(name, prepared[name], results)
    out.mkdir(parents=True, exist_ok=True)
    drawn = _draw(sets, out / "search.png")
    picture = ["![Median time of a query by selectivity](search.png)", ""] if drawn else []
    (out / "search.md").write_text("\n".join([lines[0], *picture, *lines[1:]]))


def _results(folder: Path, engines: Sequence[str]) -> dict[str, dict[str, Any]]:
    files = {engine: folder / f"{engine}.json" for engine in engines}
    return {engine: json.loads(file.read_text()) for engine, file in files.items() if file.exists()}


def _measured(results: Mapping[str, dict[str, Any]]) -> dict[str, dict[Cell, dict[str, Any]]]:
    return {
        engine: {Cell(one["kind"], one["selectivity"]): one for one in result["cells"]}
        for engine, result in results.items()
        if "cells" in result
    }


def _head(given: tuple[float, float]) -> str:
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"""# Filtered search, measured

Made by `python tests/benchmarks/search DATA`; its modules say how vectors (`data.py`) and filters (`filters.py`) are
made, and what is done with each engine (`peers/`). Machine: {_processor()}, {os.cpu_count()} cores, of which one is
used, by one thread, for building and for searching; Python {platform.python_version()}, {", ".join(versions)}.

- One query at a time, k = 10, after a warm-up. A cell of a table is **recall@10 / p50 / p99**, in milliseconds; p50 and
  p99 are the least of up to five rounds over the same queries. Recall counts a result if its cosine in float32 is not
  less than that of the tenth nearest in range. Results out of range count for nothing.
- Masks, bitmaps, id lists and query objects are prepared outside the timing. tonari takes a mask of items, faiss an
  `IDSelectorBitmap`, hnswlib a Python function, rii a sorted list of ids, the databases a number that each row's list
  of ranges has or has not; USearch has no filter and fetches more instead.
- Peers are swept: each cell has the quickest setting that reaches recall {GOOD}, chosen knowing the truth, else the one
  with the best recall. tonari has what its build learned, from the catalogue alone.
- Filters: `independent` of the query, `correlated` with it (the nearest row is a thousand times as likely to be in
  range as the farthest), `against` it (the other way round); each query has ranges of its own, of the exact size.
- The published neighbours of Fashion-MNIST are Euclidean, of raw images: brute force by that distance gives
  {given[0]:.4f} of them, so rows and queries are the published ones; {given[1]:.4f} of them are also the nearest by
  cosine, which is what is searched for here.
"""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _verdict(measured: Mapping[str, Mapping[Cell, dict[str, Any]]], cell: Cell) -> Verdict:
    ours = measured[OURS][cell]
    good = [
        (one[cell]["p50"], engine)
        for engine, one in measured.items()
        if engine != OURS and cell in one and one[cell]["recall"] >= GOOD
    ]
    p50, peer = min(good, default=(float("inf"), "no peer"))
    return Verdict(cell, ours["recall"], ours["p50"], peer, p50)


def _verdicts(sets: Mapping[str, Mapping[str, dict[str, Any]]]) -> list[str]:
    lines = [
        "## The bar",
        "",
        f"Recall@10 of at least {GOOD}, and a p50 no higher than that of the fastest peer that reaches it too, or of",
        f"at most {QUICK * 1e3:g} ms, a tenth of the time that encoding the query takes.",
        "",
    ]
    for name, results in sets.items():
        measured = _measured(results)
        if OURS not in measured:
            continue
        verdicts = [_verdict(measured, cell) for cell in cells()]
        lost = [one for one in verdicts if one.lost]
        faster = sum(one.p50 <= one.peer_p50 for one in verdicts if one.recall >= GOOD)
        won = len(verdicts) - len(lost)
        lines.append(f"- **{name}**: {won} of {len(verdicts)} cells won, in {faster} of them tonari is the fastest.")
        lines += [f"  - lost: {one.cell.kind} {one.cell.selectivity:.1%}: {one.lost}" for one in lost]
    return [*lines, ""]


def _set(name: str, prepared: Prepared, results: Mapping[str, dict[str, Any]]) -> list[str]:
    about, measured = prepared.about(), _measured(results)
    lines = [f"## {name}: {about['rows']:,} x {about['dimensions']}, {about['queries']} queries", ""]
    for kind in KINDS:
        columns = [Cell(kind, share) for share in SELECTIVITIES]
        columns += [Cell("independent", 1.0)] if kind == "independent" else []
        lines += [f"**{kind}**", "", "| | " + " | ".join(f"{cell.selectivity:.1%}" for cell in columns) + " |"]
        lines.append("|---" * (len(columns) + 1) + "|")
        for engine, one in measured.items():
            shown = [_shown(one.get(cell), ours=engine == OURS, lost=_lost(measured, cell)) for cell in columns]
            lines.append(f"| {engine} | " + " | ".join(shown) + " |")
        lines.append("")
    lines += ["| | build, s | memory, MB | files, MB | load | measured | |", "|---|---|---|---|---|---|---|"]
    for engine, result in results.items():
        if "cells" not in result:
            lines.append(f"| {engine} | | | | | | left out: {result['left_out']} |")
            continue
        load = "-".join(f"{one:.1f}" for one in result["load"])
        asked = max(one["asked"] for one in result["cells"])
        lines.append(
            f"| {engine} | {result['build_seconds']:.0f} | {result['memory'] / 1e6:.0f} | {result['disk'] / 1e6:.0f} "
            f"| {load} | {result['date']} | {result['about']}; at most {asked} queries a cell"
            f"{'; the other cells: ' + result['left_out'] if 'left_out' in result else ''} |"
        )
    return [*lines, ""]


def _lost(measured: Mapping[str, Mapping[Cell, dict[str, Any]]], cell: Cell) -> bool:
    return OURS in measured and bool(_verdict(measured, cell).lost)


def _shown(one: Mapping[str, Any] | None, *, ours: bool, lost: bool) -> str:
    if one is None:
        return "-"
    text = f"{one['recall']:.3f} / {one['p50'] * 1e3:.2f} / {one['p99'] * 1e3:.2f}"
    if ours:
        return f"*lost* {text}" if lost else f"**{text}**"
    return text if one["recall"] >= GOOD else f"({text})"


def _draw(sets: Mapping[str, Mapping[str, dict[str, Any]]], path: Path) -> bool:
    """Draw p50 by selectivity; hollow where recall is less than the bar."""
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return False
    figure = Figure(figsize=(15, 4.2 * len(sets)), layout="constrained")
    axes = figure.subplots(len(sets), len(KINDS), sharex=True, sharey=True, squeeze=False)
    for row, (name, results) in zip(axes, sets.items(), strict=True):
        for axis, kind in zip(row, KINDS, strict=True):
            for number, (engine, one) in enumerate(_measured(results).items()):
                columns = [*(Cell(kind, share) for share in SELECTIVITIES), Cell("independent", 1.0)]
                columns = [cell for cell in columns if cell in one]
                times = [one[cell]["p50"] * 1e3 for cell in columns]
                shares = [cell.selectivity for cell in columns]
                colour = "black" if engine == OURS else f"C{number}"
                width = 2.5 if engine == OURS else 1.2
                axis.plot(shares, times, color=colour, linewidth=width, label=engine)
                for share, cell, spent in zip(shares, columns, times, strict=True):
                    face = colour if one[cell]["recall"] >= GOOD else "white"
                    axis.plot(share, spent, "o", color=colour, markerfacecolor=face, markersize=5)
            axis.axhline(QUICK * 1e3, color="grey", linestyle=":", linewidth=1)
            axis.set(xscale="log", yscale="log", title=f"{name}, {kind}")
            axis.set_xlabel("selectivity")
        row[0].set_ylabel("p50, ms (hollow: recall under 0.99)")
        row[-1].legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=80)
    return True
