"""What the shop sells: products and colours, names and prices, and which views are taken."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from tonari_shop import garments, things
from tonari_shop.shapes import Part, Point
from tonari_shop.studio import Backdrop, Camera, Pattern, Product, Rgb

COLOURS: Mapping[str, Rgb] = {
    "black": (44, 44, 50),
    "white": (243, 241, 236),
    "gray": (150, 153, 160),
    "red": (205, 48, 52),
    "orange": (238, 130, 44),
    "yellow": (244, 202, 66),
    "green": (66, 138, 88),
    "blue": (52, 104, 188),
    "purple": (122, 82, 164),
    "pink": (238, 146, 172),
    "brown": (128, 86, 58),
}
NEUTRALS: tuple[Rgb, ...] = ((250, 248, 243), (44, 44, 50), (226, 206, 170), (120, 124, 134))
BRANDS = (
    "Alder & Finch",
    "Casa Lumo",
    "Kitekumo",
    "Little Orbit",
    "Northfold",
    "Pico Atelier",
    "Sunday Loom",
    "Tallfern",
)
WORDS = (
    "Amble",
    "Breeze",
    "Clover",
    "Dune",
    "Ember",
    "Fjord",
    "Grove",
    "Harbour",
    "Isle",
    "Juniper",
    "Kestrel",
    "Linden",
    "Meadow",
)
FIRST_DAY = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class Category:
    """How a category is drawn, priced (lowest, highest) and printed, where a close view looks, whether it can stand."""

    name: str
    draw: Callable[[Random], list[Part]]
    prices: tuple[int, int]
    patterns: tuple[Pattern, ...]
    close: Point
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """One item of the shop: its id, the fields of its document, and how each of its views is taken."""

    id: str
    fields: Mapping[str, str | float | bool]
    product: Product
    views: Mapping[str, tuple[Camera, Backdrop]]


CLOTH: tuple[Pattern, ...] = ("plain", "plain", "striped", "dotted", "checked")
PLAIN: tuple[Pattern, ...] = ("plain",)
CATEGORIES = (
    Category("t-shirt", garments.t_shirt, (12, 45), CLOTH, (50, 38)),
    Category("hoodie", garments.hoodie, (35, 95), ("plain", "plain", "striped"), (50, 36)),
    Category("dress", garments.dress, (39, 160), CLOTH, (50, 38)),
    Category("trousers", garments.trousers, (35, 120), ("plain", "plain", "checked"), (50, 30)),
    Category("skirt", garments.skirt, (25, 90), CLOTH, (50, 42)),
    Category("sneaker", things.sneaker, (45, 150), PLAIN, (54, 56), stands=True),
    Category("boot", things.boot, (70, 220), PLAIN, (56, 58), stands=True),
    Category("bag", things.bag, (25, 190), ("plain", "plain", "striped", "checked"), (50, 56), stands=True),
    Category("hat", garments.hat, (15, 60), ("plain", "plain", "striped"), (48, 50), stands=True),
    Category("mug", things.mug, (8, 28), CLOTH, (46, 48), stands=True),
    Category("watch", things.watch, (49, 240), PLAIN, (50, 50)),
    Category("lamp", things.lamp, (29, 140), ("plain", "plain", "striped", "dotted"), (50, 40), stands=True),
)
EACH = 1
"""Items of every colour in every category, before the extra ones: few, so that a demo is ready soon."""


def assortment(seed: int = 0) -> Iterator[Article]:
    """All items, in a fixed order; the same ones for the same seed."""
    number = 0
    for category in CATEGORIES:
        for colour in COLOURS:
            for _ in range(EACH + (number % 5 == 0)):
                number += 1
                yield _article(category, colour, number, Random(f"{seed} {number}"))


def _article(category: Category, colour: str, number: int, dice: Random) -> Article:
    pattern = dice.choice(category.patterns)
    product = _product(category, colour, pattern, dice)
    word = dice.choice(WORDS)
    low, high = category.prices
    fields: dict[str, str | float | bool] = {
        "name": f"{word} {'' if pattern == 'plain' else f'{pattern.title()} '}{category.name.capitalize()}",
        "category": category.name,
        "color": colour,
        "pattern": pattern,
        "brand": dice.choice(BRANDS),
        "price": round(round(low + (high - low) * dice.random() ** 1.6) - 0.05, 2),
        "in_stock": dice.random() < 0.85,
        "added": (FIRST_DAY + timedelta(days=dice.randrange(500))).isoformat(),
    }
    return Article(f"{category.name}-{number:03}", fields, product, _views(category, dice))


def _product(category: Category, colour: str, pattern: Pattern, dice: Random) -> Product:
    main = _vary(COLOURS[colour], dice)
    palette = _palette(main, dice)
    second = _mix(main, (255, 255, 255) if sum(main) < 500 else (60, 60, 70), 0.75 if dice.random() < 0.6 else 0.35)
    return Product(tuple(category.draw(dice)), palette, pattern, second, dice.choice([6.5, 8.0, 10.0]))


def _palette(main: Rgb, dice: Random) -> dict[str, Rgb]:
    night = sum(main) < 190
    return {
        "main": main,
        "light": _mix(main, (255, 255, 255), 0.3),
        "dark": _mix(main, (255, 255, 255), 0.14) if night else _mix(main, (30, 26, 40), 0.22),
        "deep": _mix(main, (12, 10, 20), 0.5),
        "accent": dice.choice([n for n in NEUTRALS if math.dist(n, main) > 120]),
        "white": (248, 246, 240),
        "black": (40, 40, 46),
        "metal": dice.choice([(206, 208, 214), (222, 186, 112)]),
        "wood": (190, 146, 100),
        "sole": (176, 128, 84),
    }


def _views(category: Category, dice: Random) -> dict[str, tuple[Camera, Backdrop]]:
    grey = dice.randint(226, 240)
    studio = Backdrop((250, 249, 247), (grey, grey, grey - 3))
    hue = dice.random()
    tint, deeper = _hls(hue, 0.88, 0.5), _hls(hue, 0.78, 0.42)
    side = dice.choice([-1, 1])
    turned = Camera(0.92, turn=side * dice.uniform(7, 16), across=-0.86)
    close = Camera(dice.uniform(1.5, 1.8), category.close, side * 4.0)
    on_floor = category.stands and dice.random() < 0.7
    scene = Backdrop(tint, deeper, floor=_hls(hue, 0.7, 0.32)) if on_floor else Backdrop(tint, tint, deeper)
    others = {
        "turned": (turned, studio),
        "close": (close, Backdrop((250, 248, 244), (232, 228, 220))),
        "scene": (Camera(0.8, (50, 46)), scene),
    }
    chosen = dice.sample(sorted(others), dice.choice([1, 2]))
    return {"front": (Camera(), studio)} | {name: others[name] for name in sorted(chosen)}


def _vary(colour: Rgb, dice: Random) -> Rgb:
    hue, light, strength = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))
    hue += dice.uniform(-0.012, 0.012)
    light = min(0.97, light * dice.uniform(0.92, 1.08))
    return _hls(hue, light, strength * dice.uniform(0.88, 1))


def _hls(hue: float, light: float, strength: float) -> Rgb:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, light, strength)
    return round(red * 255), round(green * 255), round(blue * 255)


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
