"""How near a shrunk encoder's embeddings are to the original's, over photographs or drawn pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tonari.encoders.image import ImageEncoder
from tonari.errors import InvalidCatalogueError, RequestError
from tonari_shop.assortment import Article, assortment
from tonari_shop.studio import photograph
from tonari_tools.push.folder.pictures import IMAGE_SUFFIXES, scan_folder

LEAST, MOST = 20, 300
"""How many photographs agreement is measured over."""
MOST_CALIBRATING = 64
ONE_IN = 4
"""One in so many calibrates at most; it is then not measured over."""
DRAWN_APART = 3


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture: what it is called, and how its bytes are had."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Photographs:
    """Pictures for two ends, none of them for both: to teach a static graph its ranges, and to measure agreement over.

    ``drawn`` says whether they are no photographs at all; ``calibrating`` is empty if nothing is to be taught.
    """

    drawn: bool
    calibrating: tuple[Photograph, ...]
    measuring: tuple[Photograph, ...]


@dataclass(slots=True)
class Reader:
    """Reads photographs as an encoder takes them; ``rejected`` has, by name, why one cannot be read."""

    encoder: ImageEncoder
    rejected: dict[str, str] = field(default_factory=dict)

    def views(self, photographs: Sequence[Photograph]) -> Iterator[NDArray[np.generic]]:
        """Give the pixels of those that can be read."""
        for one in photographs:
            try:
                yield self.encoder.read(one.read())
            except RequestError as error:
                self.rejected[one.name] = error.detail
            except OSError as error:
                self.rejected[one.name] = f"It cannot be read: {error.strerror}."


def find_photographs(folder: Path | None, *, calibrate: bool) -> Photographs:
    """Choose photographs evenly from all in a folder, the same ones each time; without a folder, draw some.

    Raises
    ------
    InvalidCatalogueError
        If it is no folder, or holds fewer than ``LEAST``.
    """
    found = _drawn() if folder is None else _in(folder)
    most = MOST + (MOST_CALIBRATING if calibrate else 0)
    chosen = [found[i] for i in _evenly(len(found), most)]
    teachers = set(_evenly(len(chosen), min(len(chosen) // ONE_IN, MOST_CALIBRATING)) if calibrate else ())
    calibrating = tuple(one for i, one in enumerate(chosen) if i in teachers)
    return Photographs(folder is None, calibrating, tuple(one for i, one in enumerate(chosen) if i not in teachers))


def _evenly(count: int, most: int) -> list[int]:
    """Choose ``most`` of ``count`` places, one out of the middle of each of as many equal stretches."""
    taken = min(count, most)
    return [(2 * i + 1) * count // (2 * taken) for i in range(taken)]


def _in(folder: Path) -> list[Photograph]:
    images = scan_folder(folder).images
    if len(images) < LEAST:
        raise InvalidCatalogueError(
            f"{folder} holds {len(images) or 'no'} pictures ({' '.join(IMAGE_SUFFIXES)}), agreement is measured over "
            f"{LEAST} at least and {MOST} at most: give a folder with more."
        )
    return [Photograph(str(image), image.read_bytes) for image in images]


def _drawn() -> list[Photograph]:
    return [_draw(article) for article in list(assortment())[::DRAWN_APART]]


def _draw(article: Article) -> Photograph:
    camera, backdrop = next(iter(article.views.values()))
    return Photograph(article.id, lambda: photograph(article.product, camera, backdrop))


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines between two embeddings of one photograph, over so many; one in a hundred is below ``p1``."""

    mean: float
    p1: float
    least: float
    photographs: int


def measure_agreement(original: ImageEncoder, shrunk: ImageEncoder, views: Iterable[NDArray[np.generic]]) -> Agreement:
    """Encode each view by both; without views the agreement is 0.

    Raises
    ------
    InvalidEncoderError, UnencodableImageError
        If one of them fails on a view.
    """
    cosines = [_cosine(original, shrunk, view) for view in views]
    if not cosines:
        return Agreement(0, 0, 0, 0)
    mean, p1, least = np.mean(cosines), np.quantile(cosines, 0.01), np.min(cosines)
    return Agreement(float(mean), float(p1), float(least), len(cosines))


def _cosine(original: ImageEncoder, shrunk: ImageEncoder, view: NDArray[np.generic]) -> float:
    first, second = (encoder.embed([view])[0].astype(np.float64) for encoder in (original, shrunk))
    return float(first @ second / np.sqrt(first @ first * (second @ second)))
