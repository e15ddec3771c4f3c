"""What a fit changed, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from tonari_tools.fit.fit_metrics import Change
from tonari_tools.fit.metric_learning import Learned
from tonari_tools.tables import align

HEAD = ["held-out items", "", "before", "after", "difference", "95 % interval", "queries", ""]


def describe(learned: Learned) -> str:
    """Lay out the metrics before and after, what was chosen, and the time it took."""
    lines = []
    changes = [*learned.changes, *learned.unseen]
    if changes:
        lines += [align([HEAD, *map(_row, changes)]), ""]
    else:
        lines += ["Neither labels nor items of several views: there is nothing to measure a metric by.", ""]
    lines.append(_chosen(learned))
    lines.append(f"of a view's 10 nearest neighbours {learned.kept:.0%} are those of the backbone")
    lines.append(f"choosing, fitting and measuring took {learned.seconds:.1f} s")
    return "\n".join(lines)


def _chosen(learned: Learned) -> str:
    size, chosen = learned.projection.dimensions, learned.parameters
    if chosen is None:
        return f"principal components alone: {size} dimensions"
    return f"chosen within the fit part: {size} dimensions, {chosen.summary}"


def _row(change: Change) -> list[str]:
    mark = "better" if change.better else "worse" if change.worse else ""
    if change.worse and not change.judged:
        mark = "worse (not judged)"
    return [
        change.task,
        change.name,
        f"{change.before:.3f}",
        f"{change.after:.3f}",
        f"{change.after - change.before:+.3f}",
        f"[{change.low:+.3f}, {change.high:+.3f}]",
        str(change.queries),
        mark,
    ]


def losses(changes: Sequence[Change]) -> list[str]:
    """Say of each judged metric whose whole interval lies below zero by how much it is worse."""
    return [
        f"{change.task} {change.name} {change.before:.3f} -> {change.after:.3f} [{change.low:+.3f}, {change.high:+.3f}]"
        for change in changes
        if change.worse and change.judged
    ]
