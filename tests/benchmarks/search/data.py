"""The vectors: embeddings of Fashion-MNIST images, and larger sets grown from them.

`fashion` is the 60,000 training images as they are: 784 grey values, length 1.

`100k` and `1m` have 256 dimensions. The images are projected on the 256 principal components of the training images and
given length 1; these 60,000 come first. The others are mixtures: the training images are parted among 512 of them,
drawn at random, by nearness; each new vector lies between two images of one part (a fifth to a half of the way from the
first to the second) with Gaussian noise of about 0.16 of its length, and is given length 1.

Queries are test images from the 5,000th on, projected alike. They have no share in the components, in the parts or in
the mixtures, and no setting of the planner was chosen by them: for that there are the test images before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IMAGES = 60_000
DIMENSIONS = 256
PARTS = 512
NOISE = 0.01
FIRST_QUERY = 5_000
SIZES = {"fashion": IMAGES, "100k": 100_000, "1m": 1_000_000}


@dataclass(frozen=True)
class Vectors:
    """Rows to be searched and rows that ask, float32, of length 1."""

    rows: NDArray[np.float32]
    queries: NDArray[np.float32]


def load(folder: Path, name: str, queries: int, first: int = FIRST_QUERY) -> Vectors:
    """Make one of the sets named in `SIZES` from `fashion_mnist.npz`; `first` is the test image that asks first."""
    train, test = images(folder)
    test = test[first : first + queries]
    if name == "fashion":
        return Vectors(_unit(train), _unit(test))
    train, test = _unit(train), _unit(test)
    mean = train.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(train - mean, rowvar=False))
    basis = axes[:, ::-1][:, :DIMENSIONS].astype(np.float32)
    base = _unit((train - mean) @ basis)
    return Vectors(_grow(base, SIZES[name]), _unit((test - mean) @ basis))


def images(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Training and test images, (60,000, 784) and (10,000, 784), values 0-255."""
    with np.load(folder / "fashion_mnist.npz") as given:
        train, test = given["train_images"], given["test_images"]
    return train.reshape(len(train), -1).astype(np.float32), test.reshape(len(test), -1).astype(np.float32)


def agreement_with_given_truth(folder: Path, queries: int, k: int) -> tuple[float, float]:
    """Compare with the published neighbours by Euclidean distance of the raw images.

    Returns
    -------
    The share of them that brute force by that distance finds too: it says that rows and queries are the published ones,
    in their order. And the share that is also among the k nearest by cosine, which is what is searched for here.
    """
    train, test = images(folder)
    with np.load(folder / "groundtruth_l2_top100.npz") as given:
        published = given["neighbors"][FIRST_QUERY : FIRST_QUERY + queries, :k]
    test = test[FIRST_QUERY : FIRST_QUERY + queries]
    squares = np.einsum("ij,ij->i", train, train)[None] - 2 * test @ train.T
    cosines = _unit(test) @ _unit(train).T
    by_distance = np.argpartition(squares, k, axis=1)[:, :k]
    by_cosine = np.argpartition(-cosines, k, axis=1)[:, :k]
    return _overlap(published, by_distance), _overlap(published, by_cosine)


def _overlap(one: NDArray[np.integer], other: NDArray[np.integer]) -> float:
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(one, other, strict=True)]))


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _grow(base: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    centres = base[random.choice(len(base), PARTS, replace=False)]
    part = (base @ centres.T).argmax(axis=1)
    order = np.argsort(part, kind="stable")
    start = np.searchsorted(part[order], np.arange(PARTS + 1))
    grown = np.empty((size, base.shape[1]), np.float32)
    grown[: len(base)] = base
    for begin in range(len(base), size, len(base)):
        block = grown[begin : begin + len(base)]
        one = random.choice(len(base), len(block), replace=False)
        first, last = start[part[one]], start[part[one] + 1]
        other = order[first + (random.random(len(block)) * (last - first)).astype(np.int64)]
        share = random.uniform(0.2, 0.5, (len(block), 1)).astype(np.float32)
        noise = random.standard_normal(block.shape, np.float32) * np.float32(NOISE)
        block[:] = _unit((1 - share) * base[one] + share * base[other] + noise)
    return grown
