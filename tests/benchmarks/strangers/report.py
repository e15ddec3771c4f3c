"""Outcomes -> tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from strangers.measure import LEVELS, Outcome, wilson

Outcomes = Mapping[str, Mapping[tuple[str, str], Outcome]]
CHOSEN = "nearest cosine", [*LEVELS][1]


def share(hits: np.ndarray) -> str:
    low, high = wilson(int(hits.sum()), len(hits))
    return f"{100 * hits.mean():.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def statistics_table(outcomes: Outcomes) -> str:
    """All statistics: the shares of known ones and of strangers that are answered, with their intervals."""
    lines = [
        "| catalogue | statistic | AUC | strangers where 95 % of known ones are answered "
        + "".join(f"| {level}: known | strangers " for level in LEVELS)
        + "|",
        "|---|---|---|---|" + "---|---|" * len(LEVELS),
    ]
    for catalogue, found in outcomes.items():
        for name in dict.fromkeys(name for name, _ in found):
            first = found[name, next(iter(LEVELS))]
            cells = [catalogue, name, f"{first.auc:.4f}", share(first.at_95)]
            for level in LEVELS:
                cells += [share(found[name, level].known), share(found[name, level].strange)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def known_table(outcomes: Outcomes) -> str:
    """What is built: level, pictures of the catalogue, strangers."""
    lines = [
        "| catalogue | level | own pictures, held out | answered | strangers | answered |",
        "|---|---|---|---|---|---|",
    ]
    for catalogue, found in outcomes.items():
        one = found[CHOSEN]
        cells = [catalogue, f"{one.learned['level']:.3f}", f"{len(one.known):,}", share(one.known)]
        lines.append(f"| {' | '.join([*cells, f'{len(one.strange):,}', share(one.strange)])} |")
    return "\n".join(lines)


def kinds_table(outcomes: Outcomes, kinds: Mapping[str, np.ndarray], sources: Mapping[str, int]) -> str:
    """Strangers answered, by kind; ``sources`` says from how many pictures those of a kind were cut or drawn."""
    listed = sorted({kind for of in kinds.values() for kind in of.tolist()})
    lines = [f"| kind | sources | {' | '.join(outcomes)} |", "|---|---|" + "---|" * len(outcomes)]
    for kind in listed:
        cells = []
        for catalogue, found in outcomes.items():
            hits = found[CHOSEN].strange[kinds[catalogue] == kind]
            cells.append(f"{int(hits.sum())} of {len(hits)}" if len(hits) else "-")
        lines.append(f"| {kind} | {sources.get(kind, '-')} | {' | '.join(cells)} |")
    return "\n".join(lines)
