"""A small drawn catalogue: twelve things of four colours and three kinds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

from pictures import encoded
from tonari.catalogue.documents import SCHEMA, document_key, image_key
from tonari.storage.bucket import Bucket

COLOURS = {"red": (205, 30, 40), "green": (30, 150, 60), "blue": (35, 60, 200), "yellow": (235, 205, 40)}
KINDS = ("ball", "box", "tent")
SIDE = 240
VIEW = "front.png"
ATTRIBUTES = {"fields": {name: {"type": "string", "attribute": True} for name in ("color", "category")}}


def draw(color: str, kind: str, *, inset: int = 40) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), (245, 245, 245))
    pen = ImageDraw.Draw(image)
    low, high = inset, SIDE - inset
    match kind:
        case "ball":
            pen.ellipse((low, low, high, high), COLOURS[color])
        case "box":
            pen.rectangle((low, low, high, high), COLOURS[color])
        case _:
            pen.polygon(((SIDE // 2, low), (high, high), (low, high)), COLOURS[color])
    return image


@dataclass(frozen=True)
class Product:
    """One item with one picture."""

    color: str
    category: str
    price: float

    @property
    def id(self) -> str:
        return f"{self.color}-{self.category}"

    @property
    def document(self) -> dict[str, Any]:
        return {"id": self.id, "color": self.color, "category": self.category, "price": self.price}

    def picture(self) -> bytes:
        return encoded(draw(self.color, self.category), "PNG")


PRODUCTS = tuple(
    Product(color, kind, 10.0 * (1 + row) + 5 * column)
    for row, color in enumerate(COLOURS)
    for column, kind in enumerate(KINDS)
)
BY_ID = {product.id: product for product in PRODUCTS}


def put_document(catalogue: Bucket, item: str, fields: dict[str, Any]) -> None:
    catalogue.put(document_key(item), json.dumps(fields).encode(), "application/json")


def put_image(catalogue: Bucket, item: str, data: bytes, name: str = VIEW) -> None:
    catalogue.put(image_key(item, name), data)


def push(catalogue: Bucket) -> None:
    """Put the whole shop into a catalogue, as a user would lay it out."""
    catalogue.put(SCHEMA, json.dumps(ATTRIBUTES).encode())
    for product in PRODUCTS:
        put_image(catalogue, product.id, product.picture())
        put_document(catalogue, product.id, product.document)
