"""How clothes look: one function per category, its proportions left to chance."""

from __future__ import annotations

from random import Random

from tonari_shop.shapes import Part, fill, fold, line, oval, pair, whole


def t_shirt(dice: Random) -> list[Part]:
    """Draw crew or V neck, with or without a pocket."""
    deep = dice.choice([24, 25, 34])
    neck = f"M 50 {deep} Q 58 {deep - 1} 60 14.5" if deep < 30 else f"M 50 {deep} L 60 14.5"
    reach = dice.uniform(44, 52)
    parts = [
        fill(f"M 39 14 Q 50 19 61 14 L 50 {deep + 1}", "deep"),
        whole(f"{neck} L 68 17 Q 77 20 81 27 L 93 {reach} L 80 {reach + 6} L 74 42 Q 75 66 74 87 Q 62 90 50 90"),
        *pair(line(neck, "dark", 2)),
        *pair(line("M 68 17 Q 71 30 74 42", "dark", 0.5)),
        *pair(line(f"M 91.4 {reach - 2.6} L 79.2 {reach + 3.4}", "dark", 0.5)),
        line("M 26 84.5 Q 50 90 74 84.5", "dark", 0.5),
        *pair(fold("M 73 44 Q 66 52 62 62")),
        fold("M 30 76 Q 40 70 44 60", 2),
        fold("M 62 88 Q 60 78 64 68", 2),
    ]
    if dice.random() < 0.35:
        parts += [
            fill("M 57 38 L 68 38 L 68 48 L 62.5 52 L 57 48", "main"),
            line("M 57 38 L 68 38 L 68 48 L 62.5 52 L 57 48 L 57 38"),
        ]
    return parts


def hoodie(dice: Random) -> list[Part]:
    """Draw it with a pouch or with a zip."""
    body = "M 50 26 L 62 22 Q 76 23 81 32 Q 88 52 91 76 L 80 79 Q 77 62 73 50 L 73 88 L 50 88"
    parts = [
        whole("M 50 5 Q 67 5 68 22 Q 66 33 50 37", "main"),
        whole("M 50 11 Q 61 11 62 23 Q 60 31 50 36", "deep"),
        whole(body),
        whole("M 50 36 Q 64 33 67 22 L 61.5 20 Q 60 29 50 33", "dark"),
        *pair(fill("M 91 76 L 80 79 L 81 85 Q 87 85 92 82", "dark")),
        whole("M 50 86 L 73.5 86 L 72.5 93 L 50 93", "dark"),
        *pair(line("M 66 24 Q 70 38 73 50", "dark", 0.5)),
        *pair(fold("M 73 52 Q 66 60 64 70")),
        *pair(fold("M 82 56 Q 84 64 80 72", 2)),
    ]
    if dice.random() < 0.5:
        parts += [line("M 50 34 L 50 93", "deep", 1.1), line("M 50 34 L 50 93", "metal", 0.5)]
        parts += pair(line("M 56 66 L 64 80", "dark", 1))
    else:
        pouch = "M 50 62 L 60 62 L 67 74 L 67 84 L 50 84"
        parts += [whole(pouch, "main"), *pair(line("M 60 62 L 67 74", "dark", 1)), line("M 40 62 L 60 62", "dark", 0.6)]
    return [*parts, *pair(line("M 54 34 Q 55 44 54 52", dice.choice(["white", "accent"]), 1.1))]


def dress(dice: Random) -> list[Part]:
    """Draw straps or short sleeves, short or long, sometimes belted."""
    hem, flare = dice.uniform(80, 93), dice.uniform(22, 33)
    side = f"L 62 30 Q 59 38 58 43 Q 66 62 {50 + flare} {hem - 3} Q 66 {hem + 2} 50 {hem + 1}"
    if dice.random() < 0.5:
        parts = [*pair(line("M 57 8 L 59 22", "dark", 2)), whole(f"M 50 22 Q 55 22 59 17 Q 61 24 65 27 {side}")]
    else:
        parts = [
            fill("M 42 10 Q 50 13 58 10 L 50 21", "deep"),
            whole(f"M 50 20 Q 56 19 58 9 L 65 11 Q 72 14 76 24 L 67 29 L 63 26 {side}"),
            *pair(line("M 65 11 Q 62 18 63 26", "dark", 0.5)),
        ]
    for lean in (0.15, 0.5, 0.82):
        end = 50 + flare * lean
        parts += pair(fold(f"M {50 + 8 * lean} 46 Q {50 + 12 * lean} 64 {end} {hem - 1}", 2.4))
    if dice.random() < 0.6:
        parts += [
            whole("M 50 41.5 L 58.6 41 L 58.6 45 L 50 45.8", "accent"),
            fill("M 48 40.8 L 52 40.8 L 52 46.4 L 48 46.4", "metal"),
        ]
    else:
        parts.append(line("M 42 43 Q 50 45 58 43", "dark", 0.7))
    return parts


def trousers(dice: Random) -> list[Part]:
    """Draw from slim to wide, long or cropped, with pockets and sometimes a turn-up."""
    wide, hem = dice.choice([0, 0, 5, 9]), dice.choice([93, 93, 85])
    parts = [
        whole(f"M 50 9 L 65 9 Q 69 26 69 40 L {66 + wide} {hem} L {54 - wide / 3} {hem} L 50.5 43"),
        whole("M 50 8 L 65 8 L 65.8 14 L 50 15", "dark"),
        line("M 50 15 L 50 41 ", "dark", 0.6),
        line("M 50 15 L 54 17 Q 54 30 50 33", "dark", 0.5),
        *pair(line("M 58 15 Q 61 24 68 26", "dark", 0.7)),
        *pair(fold(f"M 57 30 Q 59 50 {60 + wide / 3} {hem - 3}", 1.8)),
        oval(50, 11.5, 1.2, 1.2, "metal"),
    ]
    if dice.random() < 0.4:
        cuff = (
            f"M {66.6 + wide} {hem - 6} L {66.4 + wide} {hem} L {53.6 - wide / 3} {hem} L {53.4 - wide / 3} {hem - 6}"
        )
        parts += pair(fill(cuff, "light"))
    for x in (40, 60):
        parts.append(line(f"M {x} 7.5 L {x} 15.5", "deep", 1.2))
    return parts


def skirt(dice: Random) -> list[Part]:
    """Draw it pleated, buttoned or plain, short or long."""
    hem, flare = dice.uniform(66, 88), dice.uniform(24, 35)
    edge = 50 + flare
    parts = [
        whole(f"M 50 20 L 63 20 Q 70 38 {edge} {hem - 3} Q 68 {hem + 2} 50 {hem + 2}"),
        whole("M 50 18 L 63 18 L 64.4 24.5 L 50 25.5", "dark"),
    ]
    style = dice.choice(["pleats", "buttons", "plain"])
    if style == "pleats":
        for lean in (-0.84, -0.6, -0.36, -0.12, 0.12, 0.36, 0.6, 0.84):
            foot = hem + 1 - 3 * lean * lean
            pleat = f"M {50 + 14 * lean} 25 Q {50 + 17 * lean} 42 {50 + flare * lean} {foot}"
            parts += [line(pleat, "dark", 0.6), fold(pleat, 3)]
    else:
        for lean in (0.3, 0.75):
            parts += pair(fold(f"M {50 + 12 * lean} 28 Q {50 + 16 * lean} 46 {50 + flare * lean} {hem - 1}", 3))
    if style == "buttons":
        parts.append(line(f"M 50 25 L 50 {hem + 2}", "dark", 0.6))
        parts += [oval(52, y, 1.3, 1.3, "metal") for y in range(30, int(hem), 9)]
    return parts


def hat(dice: Random) -> list[Part]:
    """Draw a brimmed hat, a cap or a beanie."""
    return dice.choice([_brimmed, _cap, _beanie])(dice)


def _brimmed(dice: Random) -> list[Part]:
    reach, tip = dice.uniform(38, 45), dice.uniform(24, 32)
    crown = f"M 50 {tip + 5} Q 60 {tip - 4} 66 {tip + 3} Q 72 44 73 62 Q 62 68 50 68"
    return [
        oval(50, 66, reach, 11, "main"),
        oval(50, 64.5, reach - 1.5, 9, "fabric"),
        oval(50, 64, 25, 6.5, "deep"),
        whole(crown),
        whole("M 50 62 Q 62 62 72.3 56 L 73 62.5 Q 62 69 50 69", "accent"),
        fold(f"M 50 {tip + 6} Q 49 {tip + 14} 52 {tip + 24}", 3),
        fold("M 68 34 Q 66 46 67 56", 3),
    ]


def _cap(dice: Random) -> list[Part]:
    peak = dice.uniform(24, 29)
    return [
        fill("M 62 62 Q 84 58 95 68 Q 96 72 90 72 Q 76 68 60 70", "dark"),
        fill("M 62 61 Q 84 57 95 67 Q 80 64 62 66", "accent" if dice.random() < 0.4 else "main"),
        fill(f"M 15 66 C 14 40 26 {peak} 44 {peak} C 62 {peak} 72 42 71 64 Q 44 72 15 66"),
        line(f"M 44 {peak} Q 34 44 35 69", "dark", 0.7),
        line(f"M 44 {peak} Q 58 44 58 68", "dark", 0.7),
        line("M 15.5 65 Q 44 71 71 63", "dark", 1.6),
        oval(44, peak, 2.2, 1.5, "dark"),
        oval(50, 45, 1, 1, "deep"),
        fold("M 22 60 Q 24 46 32 36", 3),
    ]


def _beanie(dice: Random) -> list[Part]:
    parts = [
        whole("M 50 22 C 68 22 78 38 77 68 L 50 70"),
        *[
            fold(f"M {50 + 27 * x} 66 Q {50 + 22 * x} 40 {50 + 6 * x} 24", 1.6)
            for x in (-0.8, -0.5, -0.2, 0.1, 0.4, 0.7)
        ],
        whole("M 50 62 Q 66 62 78 59 Q 81 66 79 75 Q 66 79 50 79", "dark"),
        *[line(f"M {x} 63 L {x} 77", "deep", 0.5) for x in range(26, 77, 5)],
    ]
    if dice.random() < 0.6:
        parts += [oval(50, 18, 9, 9, "light"), oval(48, 16, 6, 6, "white")]
    return parts
