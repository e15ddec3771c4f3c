"""How shoes, bags and things for the house look: one function per category, its proportions left to chance."""

from __future__ import annotations

from math import cos, pi, sin
from random import Random

from tonari_shop.shapes import Part, fill, fold, gloss, line, oval, pair, ring, whole


def sneaker(dice: Random) -> list[Part]:
    """Draw it low or high, the sole white or gum."""
    top = dice.choice([40, 40, 27])
    sole = dice.choice(["white", "white", "sole"])
    parts = [
        fill(f"M 36 {top} L 47 {top - 8} Q 52 {top - 4} 53 {top + 6} L 46 54 L 36 50", "deep"),
        fill(
            f"M 12 70 C 11 58 13 {top + 8} 14 {top} Q 24 {top + 7} 37 {top - 1} L 44 {top - 4} "
            "C 56 50 66 53 78 56 C 90 59 93 64 92 71"
        ),
        fill("M 76 55.5 C 90 59 93 64 92 71 L 72 71 Q 69 61 76 55.5", dice.choice(["white", "dark", "light"])),
        fill(
            f"M 13.4 {top + 5} Q 19 {top + 8} 20 {top + 10} Q 19 60 23 70 "
            f"L 12 70 C 11.4 58 13 {top + 12} 13.4 {top + 5}",
            "dark",
        ),
        fill("M 9 70 L 93 70 Q 95 76 90 79 L 15 79 Q 8 78 9 70", sole),
        line("M 10 75 L 93 75", "accent", 0.9),
    ]
    for step in range(5):
        x, y = 44 + step * 5.6, top + 1 + (54 - top) * (step / 4) ** 0.7
        parts.append(line(f"M {x - 2.5} {y + 4} L {x + 4} {y - 0.8}", "white", 1.9))
    badge = dice.choice(["bars", "disc", "none"])
    if badge == "bars":
        parts += [line(f"M {x} 68 L {x + 7} 55", "accent", 2.2) for x in (33, 41)]
    elif badge == "disc":
        parts += [oval(29, 57, 5.2, 5.2, "accent"), line(ring(29, 57, 5.2, 5.2), "dark", 0.5)]
    return [*parts, fold("M 62 60 Q 60 66 61 70", 2.5), gloss("M 80 60 Q 86 62 88 66", 2.5)]


def boot(dice: Random) -> list[Part]:
    """Draw it laced, elastic-sided or lined, from the ankle to the knee."""
    top = dice.choice([10, 22, 34])
    parts = [
        fill(
            f"M 27 {top} Q 42 {top + 3} 57 {top} Q 56 40 58 52 C 66 57 84 58 89 70 "
            f"Q 90 75 89 78 L 27 78 Q 26 64 29 52 Q 27 34 27 {top}"
        ),
        fill("M 26 77 L 90 77 Q 92 83 87 84 L 50 84 L 47 82 L 46 90 L 27 90", dice.choice(["black", "sole"])),
        line("M 27 78 L 90 78", "dark", 0.7),
        fold("M 30 58 Q 44 64 57 56", 3),
        fold("M 62 62 Q 60 70 62 77", 3),
        gloss("M 74 64 Q 82 66 85 72", 2.5),
        gloss(f"M 35 {top + 8} Q 34 40 36 50", 2.5),
    ]
    style = dice.choice(["laces", "elastic", "lined"])
    if style == "laces":
        rows = range(top + 8, 58, 6)
        parts += [line(f"M 46 {y} L 57 {y - 3}", "accent", 1.4) for y in rows]
        parts.append(line(f"M 45 {top + 2} Q 44 48 48 58", "dark", 0.8))
    elif style == "elastic":
        parts.append(fill(f"M 34 {top + 2} L 46 {top + 2} L 42 58 L 38 58", "deep"))
        parts.append(line(f"M 27.5 {top} Q 24 {top - 5} 29 {top - 5} L 31 {top + 1}", "dark", 1.4))
    else:
        parts += [oval(x, top + 1 + (x % 2), 5, 4.6, "white") for x in (29, 35, 42, 49, 55)]
    return parts


def bag(dice: Random) -> list[Part]:
    """Draw a handbag with a flap, a tote or a backpack."""
    return dice.choice([_handbag, _tote, _backpack])(dice)


def _handbag(dice: Random) -> list[Part]:
    lift = dice.uniform(10, 20)
    return [
        line(f"M 33 46 C 33 {lift} 67 {lift} 67 46", "dark", 3),
        whole("M 50 42 L 74 42 Q 78 42 79 47 L 85 80 Q 86 87 79 87 L 50 87"),
        whole("M 50 42 L 74 42 Q 78 42 79 47 L 80.5 54 Q 66 68 50 68", dice.choice(["main", "dark"])),
        line("M 19.6 54 Q 34 68 50 68 Q 66 68 80.4 54", "deep", 0.8),
        fill("M 46 62 L 54 62 L 54 72 L 46 72", "metal"),
        *pair(oval(67, 45, 2.2, 2.2, "metal")),
        gloss("M 28 50 Q 40 48 52 49", 2.5),
    ]


def _tote(dice: Random) -> list[Part]:
    wide = dice.uniform(28, 34)
    return [
        line("M 37 40 C 37 8 63 8 63 40", "deep", 2.6),
        whole(f"M 50 38 L {50 + wide} 38 L {46 + wide} 88 Q {45 + wide} 90 {43 + wide} 90 L 50 90"),
        line("M 37 48 L 37 40 C 37 14 63 14 63 40 L 63 48", "accent", 2.6),
        line(f"M {50 - wide} 42 L {50 + wide} 42", "dark", 0.6),
        fold("M 34 88 Q 36 70 32 54", 3),
        fold("M 64 88 Q 62 72 66 58", 3),
    ]


def _backpack(dice: Random) -> list[Part]:
    return [
        line("M 44 18 C 44 8 56 8 56 18", "deep", 2.4),
        *pair(fill("M 72 60 Q 82 60 81 72 L 80 84 L 72 84", "dark")),
        whole("M 50 14 C 68 14 75 24 75 40 L 76 84 Q 76 90 69 90 L 50 90"),
        whole("M 50 56 L 66 56 Q 69 56 69 60 L 69 80 Q 69 84 65 84 L 50 84", "dark"),
        line("M 33 62 L 67 62", "metal", 0.9),
        line("M 28 40 Q 50 32 72 40", "deep", 1),
        fill("M 47.5 36 L 52.5 36 L 52.5 44 L 47.5 44", dice.choice(["metal", "accent"])),
        gloss("M 34 24 Q 30 32 30 44", 3),
    ]


def mug(dice: Random) -> list[Part]:
    """Draw it straight, tapered or round."""
    foot, belly = dice.choice([(22, 22), (16, 20), (15, 27)])
    inside = dice.choice(["deep", "white"])
    return [
        line(f"M {43 + belly} 42 C 92 36 92 76 {43 + foot} 72", "dark", 5.4),
        line(f"M {43 + belly} 42 C 90 37 90 74 {43 + foot} 71", "main", 3.6),
        fill(
            f"M 20 28 L 66 28 C 66 40 {43 + belly * 1.12} 66 {43 + foot} 82 "
            f"Q {43 + foot * 0.9} 88 43 88 Q {43 - foot * 0.9} 88 {43 - foot} 82 C {43 - belly * 1.12} 66 20 40 20 28"
        ),
        oval(43, 28, 23, 5.6, "light"),
        oval(43, 28.6, 20.6, 4.2, inside),
        oval(43, 30, 17.5, 2.6, "sole") if dice.random() < 0.5 else oval(43, 29.6, 19, 3, inside),
        gloss("M 28 38 Q 27 56 31 74", 4),
        fold("M 60 38 Q 61 60 55 80", 5),
    ]


def watch(dice: Random) -> list[Part]:
    """Draw it round or square, on a coloured strap, the dial light or dark."""
    dial = dice.choice(["white", "white", "black", "light"])
    hands = "white" if dial == "black" else "black"
    square = dice.random() < 0.3
    case = (
        [_rounded(21, "deep"), _rounded(20.3, "metal"), _rounded(16.5, dial)]
        if square
        else [oval(50, 50, 22.6, 22.6, "deep"), oval(50, 50, 22, 22, "metal"), oval(50, 50, 18, 18, dial)]
    )
    hour, minute = dice.uniform(0, 2 * pi), dice.uniform(0, 2 * pi)
    ticks = [
        line(f"M {50 + 13.4 * sin(a)} {50 - 13.4 * cos(a)} L {50 + 15.4 * sin(a)} {50 - 15.4 * cos(a)}", hands, 0.9)
        for a in (i * pi / 6 for i in range(12))
    ]
    return [
        whole("M 50 3 L 60 3 Q 61 20 65 34 L 50 34"),
        whole("M 50 66 L 65 66 Q 61 80 60 94 Q 58 97 50 97"),
        *[oval(50, y, 1, 1, "deep") for y in (76, 81, 86, 91)],
        *[
            line(f"M {x} {a} L {y} {b}", "dark", 0.5)
            for x, a, y, b in ((41.6, 4, 38, 30), (58.4, 4, 62, 30), (38, 70, 41.6, 93), (62, 70, 58.4, 93))
        ],
        fill("M 71 47.5 L 75 47.5 L 75 52.5 L 71 52.5", "metal"),
        *case,
        *ticks,
        line(f"M 50 50 L {50 + 8 * sin(hour)} {50 - 8 * cos(hour)}", hands, 1.8),
        line(f"M 50 50 L {50 + 12.5 * sin(minute)} {50 - 12.5 * cos(minute)}", hands, 1.2),
        oval(50, 50, 1.4, 1.4, "metal"),
        gloss("M 38 42 Q 42 37 48 35.5", 2.2),
    ]


def _rounded(reach: float, paint: str) -> Part:
    corner = reach - 5
    return whole(
        f"M 50 {50 - reach} L {50 + corner} {50 - reach} Q {50 + reach} {50 - reach} {50 + reach} {50 - corner} "
        f"L {50 + reach} {50 + corner} Q {50 + reach} {50 + reach} {50 + corner} {50 + reach} L 50 {50 + reach}",
        paint,
    )


def lamp(dice: Random) -> list[Part]:
    """Draw a table lamp: cone, drum or dome."""
    foot = dice.choice(["wood", "metal"])
    shade = dice.choice(
        [
            "M 50 12 L 63 12 L 77 48 Q 64 52 50 52",
            "M 50 14 L 71 14 L 74 48 Q 64 51 50 51",
            "M 50 14 C 68 14 79 28 79 48 Q 64 50 50 50",
        ]
    )
    stem = (
        [line("M 50 48 L 50 86", foot, 2.6)]
        if dice.random() < 0.5
        else [whole("M 50 54 L 52 54 Q 53 60 60 66 Q 66 76 56 86 L 50 86", foot), gloss("M 43 68 Q 41 74 45 80", 2)]
    )
    return [
        *stem,
        oval(50, 88, 17, 3.8, "deep"),
        oval(50, 86.8, 17, 3.6, foot),
        whole(shade),
        line("M 63 49 L 63 62", "metal", 0.5),
        oval(63, 63, 1.2, 1.2, "metal"),
        gloss("M 38 20 Q 33 34 31 44", 5),
    ]
