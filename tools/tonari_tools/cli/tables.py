"""Answers of the API -> text for people: aligned columns with bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BAR = 10
MOST_WIDTH = 32
MOST_FIELDS = 6
FIRST = ("name", "category", "color", "colour", "price", "brand")


def align(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns, two spaces between them.

    >>> print(align([["id", "score"], ["a", "0.5"]]))
    id  score
    a   0.5
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def bar(score: float) -> str:
    """Draw a score of 0..1 as a bar of fixed width.

    >>> bar(0.55)
    '█████▌····'
    """
    halves = round(min(max(score, 0.0), 1.0) * BAR * 2)
    return ("█" * (halves // 2) + "▌" * (halves % 2)).ljust(BAR, "·")


def search_table(answer: Mapping[str, Any]) -> str:
    """Lay out what ``/v1/search`` found, and how it was found."""
    items, plan = answer["items"], answer["plan"]
    way = f"{plan['scanned']} scanned" if plan["path"] == "scan" else f"by {plan['path']}"
    foot = f"{len(items)} items; {plan['matching']} views match, {way}, {_milliseconds(answer)}"
    if not items:
        return foot
    names = _main_fields(items)
    rows = [["id", "score", "", *names]]
    rows += [
        [
            _cut(item["id"]),
            f"{item['score']:.3f}",
            bar(item["score"]),
            *(_cell(item["fields"].get(name)) for name in names),
        ]
        for item in items
    ]
    return f"{align(rows)}\n\n{foot}"


def prediction_table(answer: Mapping[str, Any]) -> str:
    """Lay out what ``/v1/predict`` predicts, with the alternatives."""
    predictions = answer["predictions"]
    rows = [["attribute", "value", "score", "", "else"]]
    for name, one in predictions.items():
        unsure = one.get("abstained", False)
        value = f"perhaps {_cell(one['alternatives'][0]['value'])}" if unsure else _cell(one["value"])
        others = one["alternatives"][1:4] if unsure else one["alternatives"][:3]
        score = one["score"] or 0.0
        else_ = ", ".join(f"{_cell(other['value'])} {other['score']:.2f}" for other in others)
        rows.append([name, value, f"{score:.3f}", bar(score), else_])
    return f"{align(rows)}\n\nby {answer['method']}, {_milliseconds(answer)}"


def status_table(health: Mapping[str, Any], url: str) -> str:
    """Lay out what ``/v1/health`` says is live."""
    encoder = health["encoder"]
    rows = [
        ["url", url],
        ["status", f"{health['status']}, version {health['version']}"],
        ["snapshot", f"{health['snapshot']}, generation {health['generation']}, {health['segments']} delta segments"],
        ["encoder", f"{encoder['name']}, {encoder['dimensions']} dimensions, {encoder['id'][:12]}"],
        ["items", f"{health['items']}, {health['views']} views"],
    ]
    rows += [[name, f"{len(classes)} classes"] for name, classes in health["attributes"].items()]
    if refused := health.get("refused"):
        rows.append(
            ["refused", f"the snapshot {refused['id']}, built {refused['at']}: it would be worse than what is live"]
        )
        rows += [["", _fall(fall)] for fall in refused["falls"]]
        rows.append(["", "publish it all the same: tonari rebuild --accept"])
    return "\n".join(f"{name.ljust(max(len(row[0]) for row in rows))}  {value}" for name, value in rows)


def _fall(fall: Mapping[str, Any]) -> str:
    on = "" if fall["held_out"] is None else f", on {fall['held_out']} items held out"
    return f"{fall['what']}: {fall['live']:.3f} -> {fall['now']:.3f}, at most -{fall['margin']:.3f}{on}"


def _main_fields(items: Sequence[Mapping[str, Any]]) -> list[str]:
    seen = dict.fromkeys(name for item in items for name in item["fields"] if name not in ("id", "images"))
    return sorted(seen, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))[:MOST_FIELDS]


def _milliseconds(answer: Mapping[str, Any]) -> str:
    took = answer["took_ms"]
    return f"{sum(took.values()):.1f} ms ({', '.join(f'{name} {value:.1f}' for name, value in took.items())})"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return _cut(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MOST_WIDTH else f"{flat[: MOST_WIDTH - 1]}…"
