"""Pictures that no shop sells: bundled photographs and their crops, textures, pages, screens, shapes, noise."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage
import sklearn.datasets
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 320
SEED = 20
DRAWN = 150
CROPS = 8
DIGITS = 200
FACES = 100
WORDS = [
    "the",
    "catalogue",
    "is",
    "read",
    "once",
    "and",
    "written",
    "to",
    "a",
    "file",
    "whose",
    "name",
    "says",
    "what",
    "it",
    "holds",
    "each",
    "part",
    "of",
    "it",
    "has",
    "a",
    "page",
    "of",
    "its",
    "own",
    "and",
    "a",
    "page",
    "has",
    "lines",
    "of",
    "text",
    "with",
    "numbers",
    "such",
    "as",
    "12",
    "or",
    "340",
    "and",
    "a",
    "date",
    "in",
    "the",
    "corner",
    "invoice",
    "total",
    "amount",
    "due",
    "yesterday",
    "weather",
    "report",
    "chapter",
    "figure",
    "table",
    "results",
    "method",
    "we",
    "thank",
    "all",
    "who",
    "wrote",
    "to",
    "us",
    "about",
    "the",
    "last",
    "issue",
]

KINDS = {
    "photographs": [
        *("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "motorcycle_left.png"),
        *("rocket.jpg", "clock_motion.png", "horse.png", "china.jpg", "flower.jpg"),
    ],
    "science": [
        *("cell.png", "hubble_deep_field.jpg", "ihc.png", "microaneurysms.png", "moon.png", "phantom.png"),
        "retina.jpg",
    ],
    "textures": ["brick.png", "grass.png", "gravel.png", "chessboard_GRAY.png", "chessboard_RGB.png"],
    "pages": ["page.png", "text.png"],
}
"""Files of scikit-image, and two of scikit-learn, by kind."""


@dataclass(frozen=True)
class Stranger:
    """A picture, its kind, and what it was cut or drawn from: pictures of one source are not independent."""

    kind: str
    source: str
    data: bytes


def strangers() -> Iterator[Stranger]:
    """Give all of them, in an order that is always the same."""
    yield from bundled()
    random = np.random.default_rng(SEED)
    drawers: dict[str, Callable[[np.random.Generator], Image.Image]] = {
        "textures": draw_texture,
        "pages": draw_page,
        "screens": draw_screen,
        "shapes": draw_shapes,
        "noise": draw_noise,
    }
    for kind, draw in drawers.items():
        for number in range(DRAWN):
            yield Stranger(kind, f"{kind} {number}", png(draw(random)))
    yield from small_pictures(random)


def bundled() -> Iterator[Stranger]:
    """Give the bundled pictures whole, and crops of a quarter to three quarters of their sides."""
    random = np.random.default_rng(SEED)
    folders = Path(skimage.__path__[0]) / "data", Path(sklearn.datasets.__path__[0]) / "images"
    for kind, names in KINDS.items():
        for name in names:
            path = next(folder / name for folder in folders if (folder / name).exists())
            picture = flat(Image.open(path))
            yield Stranger(kind, name, png(picture))
            for _ in range(CROPS):
                yield Stranger(f"{kind}, crops", name, png(crop(picture, random)))


def small_pictures(random: np.random.Generator) -> Iterator[Stranger]:
    """Give handwritten digits of 8 x 8 pixels and faces of 25 x 25, enlarged: grey, as fashion-mnist is."""
    digits = sklearn.datasets.load_digits()
    for number in random.choice(len(digits.images), DIGITS, replace=False):
        grey = np.asarray(digits.images[number] * 255 / 16, np.uint8)
        yield Stranger("digits", f"digit {number}", png(Image.fromarray(grey).resize((SIDE, SIDE), Image.BICUBIC)))
    faces = np.load(Path(skimage.__path__[0]) / "data" / "lfw_subset.npy")[:FACES]
    for number, face in enumerate(faces):
        grey = np.asarray(face / max(face.max(), 1e-9) * 255, np.uint8)
        yield Stranger("faces", f"face {number}", png(Image.fromarray(grey).resize((SIDE, SIDE), Image.BICUBIC)))


def flat(picture: Image.Image) -> Image.Image:
    """Give it in RGB, what is transparent on white."""
    if picture.mode in ("RGBA", "LA", "P"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    if picture.mode.startswith("I"):
        pixels = np.asarray(picture, np.float64)
        picture = Image.fromarray(np.asarray(pixels / max(pixels.max(), 1) * 255, np.uint8))
    return picture.convert("RGB")


def crop(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    width, height = (max(8, round(side * random.uniform(0.25, 0.75))) for side in picture.size)
    left, top = random.integers(picture.width - width + 1), random.integers(picture.height - height + 1)
    return picture.crop((int(left), int(top), int(left) + width, int(top) + height))


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()


def colour(random: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = random.integers(low, high, 3).tolist()
    return red, green, blue


def draw_texture(random: np.random.Generator) -> Image.Image:
    """Draw waves, stripes, checks, cloud or a gradient in two colours."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    angle, times = random.uniform(0, np.pi), random.uniform(3, 40)
    along = np.cos(angle) * columns + np.sin(angle) * rows
    across = np.cos(angle) * rows - np.sin(angle) * columns
    match int(random.integers(5)):
        case 0:
            level = 0.5 + 0.5 * np.sin(2 * np.pi * times * along)
        case 1:
            level = (along * times % 1 < random.uniform(0.2, 0.8)).astype(float)
        case 2:
            level = ((np.floor(along * times) + np.floor(across * times)) % 2).astype(float)
        case 3:
            level = sum(
                np.asarray(
                    Image.fromarray(np.asarray(random.random((2**n, 2**n)) * 255, np.uint8)).resize(
                        (SIDE, SIDE), Image.BICUBIC
                    ),
                    float,
                )
                / 255
                / 2 ** (n - 2)
                for n in range(2, 8)
            )
            level = (level - level.min()) / (level.max() - level.min())
        case _:
            level = (along - along.min()) / (along.max() - along.min())
    one, other = np.array(colour(random)), np.array(colour(random))
    return Image.fromarray(np.asarray(one + level[..., None] * (other - one), np.uint8))


def words(random: np.random.Generator, count: int) -> str:
    return " ".join(WORDS[number] for number in random.integers(len(WORDS), size=count))


def draw_page(random: np.random.Generator) -> Image.Image:
    """Draw a printed page: a heading, lines of text in one or two columns, now and then a table."""
    height = int(random.integers(SIDE, 460))
    page = Image.new("RGB", (SIDE, height), colour(random, 225, 256))
    pen, ink = ImageDraw.Draw(page), colour(random, 0, 70)
    size, margin = int(random.integers(7, 15)), int(random.integers(10, 40))
    pen.text((margin, margin), words(random, 3), ink, ImageFont.load_default(size + 8))
    columns = int(random.integers(1, 3))
    width = (SIDE - 2 * margin) // columns
    for column in range(columns):
        for top in range(margin + size + 24, height - margin, round(size * 1.5)):
            left = margin + column * width
            line = words(random, 30)[: int(width / size * 1.7 * random.uniform(0.6, 1))]
            pen.text((left, top), line, ink, ImageFont.load_default(size))
    if random.random() < 0.3:
        for number in range(5):
            top = height // 2 + number * size * 2
            pen.line((margin, top, SIDE - margin, top), ink)
    return page


def draw_screen(random: np.random.Generator) -> Image.Image:
    """Draw a program's window: a bar, a list at the side, cards, buttons, a chart or a terminal."""
    width, height = (400, 260) if random.random() < 0.7 else (240, 420)
    dark = random.random() < 0.4
    back, ink = (colour(random, 10, 60), (220, 220, 220)) if dark else (colour(random, 235, 256), (30, 30, 30))
    screen = Image.new("RGB", (width, height), back)
    pen, accent = ImageDraw.Draw(screen), colour(random, 40, 220)
    pen.rectangle((0, 0, width, 22), accent)
    pen.text((8, 4), words(random, 3), "white", ImageFont.load_default(11))
    side = int(width * random.uniform(0, 0.3))
    for top in range(32, height, 18):
        pen.text((6, top), words(random, 2)[: side // 6], ink, ImageFont.load_default(9))
    match int(random.integers(4)):
        case 0:
            for top in range(34, height - 50, 60):
                pen.rounded_rectangle((side + 10, top, width - 12, top + 50), 6, outline=accent)
                pen.text((side + 18, top + 6), words(random, 5), ink, ImageFont.load_default(10))
                pen.rounded_rectangle((width - 70, top + 28, width - 20, top + 44), 5, accent)
        case 1:
            values = random.random(12) * (height - 80)
            for number, value in enumerate(values.tolist()):
                left = side + 20 + number * (width - side - 40) / 12
                pen.rectangle((left, height - 20 - value, left + (width - side) / 20, height - 20), accent)
        case 2:
            for top in range(30, height - 12, 13):
                pen.text((side + 8, top), "$ " + words(random, 6), ink, ImageFont.load_default(10))
        case _:
            for row in range(32, height - 20, 20):
                for column in range(side + 8, width - 50, 70):
                    pen.rectangle((column, row, column + 68, row + 18), outline=ink)
                    pen.text((column + 4, row + 4), words(random, 1), ink, ImageFont.load_default(9))
    return screen


def draw_shapes(random: np.random.Generator) -> Image.Image:
    """Draw one to twelve ellipses, boxes, triangles or lines on a plain ground, as a child's drawing or a logo has."""
    picture = Image.new("RGB", (SIDE, SIDE), colour(random) if random.random() < 0.6 else "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, 13))):
        left, top = random.uniform(0, 0.8 * SIDE, 2)
        right, bottom = left + random.uniform(10, 0.6 * SIDE), top + random.uniform(10, 0.6 * SIDE)
        match int(random.integers(4)):
            case 0:
                pen.ellipse((left, top, right, bottom), colour(random))
            case 1:
                pen.rectangle((left, top, right, bottom), colour(random))
            case 2:
                pen.polygon([(left, bottom), (right, bottom), ((left + right) / 2, top)], colour(random))
            case _:
                pen.line((left, top, right, bottom), colour(random), int(random.integers(2, 14)))
    return picture


def draw_noise(random: np.random.Generator) -> Image.Image:
    """Draw noise of one of five kinds: even, in grey, of blocks, blurred, or speckles."""
    pixels = np.asarray(random.integers(0, 256, (SIDE, SIDE, 3)), np.uint8)
    match int(random.integers(5)):
        case 0:
            return Image.fromarray(pixels)
        case 1:
            return Image.fromarray(pixels[..., 0]).convert("RGB")
        case 2:
            blocks = int(random.integers(4, 40))
            return Image.fromarray(pixels[:blocks, :blocks]).resize((SIDE, SIDE), Image.NEAREST)
        case 3:
            return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(random.uniform(1, 12)))
    spread = np.clip(random.normal(np.array(colour(random)), random.uniform(4, 60), (SIDE, SIDE, 3)), 0, 255)
    return Image.fromarray(np.asarray(spread, np.uint8))
