"""Groups by names: a stem that several share, found by structure, and runs of consecutive numbers that look alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tonari.grouping.evidence import Looks, are_mates, is_bounded, without_classes
from tonari.grouping.joining import number, sizes

PART = re.compile(r"[^\W\d_]+|\d+")
MOST_LEADING, MOST_TRAILING = 5, 2
SEED = 32
NEAREST_OTHER, FARTHEST_OTHER = 50, 200
FALSE_SHARE = 0.1
LEAST_SHARE = 0.05
LEAST_PAIRS = 50
LEAST_WHOLE = 0.5


def by_stem(names: Sequence[str], looks: Looks) -> tuple[NDArray[np.int64], str] | None:
    """Group items by the beginning of their names; with how, in words.

    A name is parted where letters, digits and separators meet. Where half of the items have the whole name of another
    as the beginning of theirs (or are that other), and look alike, this name is the stem: ``kettle`` and
    ``kettle-matte-black``. Else, from long stems to short ones, a stem is shortened by a part as long as the items that
    this joins look more alike than their classes do. Which parts are views, colours or counters need not be known.

    Returns
    -------
    group : (I,) int64
        Of all ways that the pictures confirm, the one that joins most items; None if there is none.
    how
    """
    parts = [PART.findall(name) or [f"\0{at}"] for at, name in enumerate(names)]  # without a name, each is alone
    whole = number(_first_whole(parts))
    often = np.mean(sizes(whole) > 1) >= LEAST_WHOLE
    if often and is_bounded(whole, looks.labels) and are_mates(looks, np.arange(len(whole)), whole):
        return whole, "a whole name that others begin with"
    leading = ((f"first {n} parts", [of[:n] for of in parts]) for n in range(MOST_LEADING, 0, -1))
    trailing = ((f"all but the last {n} parts", [of[:-n] or of for of in parts]) for n in range(1, MOST_TRAILING + 1))
    found = [one for one in (_coarsest(leading, looks), _coarsest(trailing, looks)) if one is not None]
    return max(found, key=lambda one: np.count_nonzero(sizes(one[0]) > 1), default=None)


def _first_whole(parts: Sequence[Sequence[str]]) -> Iterator[str]:
    """Give for each name the shortest whole name with which it begins."""
    known = {tuple(of) for of in parts if of}
    for of in parts:
        begins = (tuple(of[:length]) for length in range(1, len(of)))
        yield "\0".join(next((one for one in begins if one in known), of))


def _coarsest(levels: Iterator[tuple[str, list[list[str]]]], looks: Looks) -> tuple[NDArray[np.int64], str] | None:
    finer = np.arange(len(looks.row))
    found = None
    for how, stems in levels:
        group = without_classes(finer, number("\0".join(stem) for stem in stems), looks.labels)
        judged = are_mates(looks, finer, group)
        if judged is False:
            break
        if judged:
            finer = group
            if is_bounded(group, looks.labels):
                found = group, how.replace("1 parts", "part")
    return found


def by_sequence(names: Sequence[str], looks: Looks, scale: NDArray[np.float32]) -> NDArray[np.int64] | None:
    """Pair items whose names are consecutive numbers, where these look much more alike than others nearby.

    Two that follow one another are compared with two of the same class that lie 50 to 200 places apart: so neither a
    catalogue sorted by class, nor one that drifts, looks like bursts of shots. A pair is taken if its relative distance
    is so small that among the others a tenth as many are as near.

    Parameters
    ----------
    scale : (I,) float32
        The distance by which each item's distances are judged; NaN where it is unknown.

    Returns
    -------
    (P, 2) int64
        None if too few follow one another, or these are no more alike.
    """
    parts = [PART.findall(name) for name in names]
    counter = np.array([int(of[-1][-18:]) if of and of[-1].isdecimal() else -1 for of in parts], np.int64)
    family = number("\0".join(of[:-1]) for of in parts)
    usable = np.flatnonzero((counter >= 0) & (looks.row >= 0) & np.isfinite(scale))
    order = usable[np.lexsort((counter[usable], family[usable]))]
    follows = (np.diff(counter[order]) == 1) & (np.diff(family[order]) == 0)
    pairs = np.stack([order[:-1][follows], order[1:][follows]], axis=1)
    places = np.arange(len(order))
    apart = np.random.default_rng(SEED).integers(NEAREST_OTHER, FARTHEST_OTHER, len(order))
    there = places + apart < len(order)
    others = np.stack([order[places[there]], order[places[there] + apart[there]]], axis=1)
    for label in looks.labels:
        others = others[label[others[:, 0]] == label[others[:, 1]]]
    if min(len(pairs), len(others)) < LEAST_PAIRS:
        return None
    near, far = (_relative(looks, of, scale) for of in (pairs, others))
    levels = np.sort(near)
    expected = np.searchsorted(np.sort(far), levels, side="right") / len(far)
    share = np.arange(1, len(levels) + 1) / len(levels)
    good = np.flatnonzero((share >= LEAST_SHARE) & (expected <= FALSE_SHARE * share))
    return pairs[near <= levels[good[-1]]] if len(good) else None


def _relative(looks: Looks, pairs: NDArray[np.int64], scale: NDArray[np.float32]) -> NDArray[np.float64]:
    away = 1 - looks.cosine(pairs[:, 0], pairs[:, 1])
    return np.asarray(away / np.sqrt(scale[pairs[:, 0]] * scale[pairs[:, 1]]), np.float64)
