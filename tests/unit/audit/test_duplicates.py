from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tonari.audit.duplicates import concentration, find_duplicates
from tonari.fields.schema import Field, Schema
from tonari.index.near_pairs import components
from tonari.index.vectors import to_fixed
from tonari.snapshots.indexed import IndexedItem, IndexedView
from tonari.snapshots.table import build_table


def by_hand(count: int, edges: list[tuple[int, int]]) -> set[frozenset[int]]:
    """Union by walking from each node."""
    near: dict[int, set[int]] = {node: set() for node in range(count)}
    for one, other in edges:
        near[one].add(other)
        near[other].add(one)
    found = set()
    for node in range(count):
        seen, rest = {node}, [node]
        while rest:
            fresh = near[rest.pop()] - seen
            seen |= fresh
            rest += fresh
        if len(seen) > 1:
            found.add(frozenset(seen))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_what_hangs_together_is_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 60))
    edges = random.integers(0, count, (int(random.integers(1, 70)), 2))
    edges = edges[edges[:, 0] != edges[:, 1]]

    found = components(count, edges)

    assert {frozenset(one.tolist()) for one in found} == by_hand(count, [(int(a), int(b)) for a, b in edges])
    assert all((np.diff(one) > 0).all() for one in found)


def test_a_long_chain_is_one() -> None:
    links = np.stack([np.arange(999), np.arange(1, 1000)], axis=1)

    (found,) = components(1000, np.random.default_rng(0).permutation(links))

    assert found.tolist() == list(range(1000))


def test_without_edges_there_is_nothing() -> None:
    assert components(5, np.empty((0, 2), np.int64)) == []


def near(count: int, coordinates: slice, seed: int = 0) -> NDArray[np.float32]:
    """Embeddings that differ a little in some coordinates."""
    random = np.random.default_rng(seed)
    vectors = np.repeat(random.standard_normal((1, 400)), count, axis=0)
    vectors[:, coordinates] += (
        2 / np.sqrt(vectors[:, coordinates].shape[1]) * random.standard_normal(vectors[:, coordinates].shape)
    )
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_another_compression_moves_all_coordinates_and_another_colour_few() -> None:
    assert concentration(near(4, slice(None))) < 0.2
    assert concentration(near(4, slice(3, 6))) > 0.9
    assert concentration(near(1, slice(None))) == concentration(np.repeat(near(1, slice(None)), 3, axis=0)) == 0


@pytest.mark.parametrize(
    ("coordinates", "colours", "kind", "differ"),
    [
        (slice(None), ("red", "red"), "same", ()),
        (slice(None), ("red", "blue"), "variants", ("color",)),
        (slice(3, 6), ("red", None), "variants", ()),
        (slice(0, 0), ("red", "blue"), "same", ("color",)),
    ],
)
def test_variants_are_told_from_copies(
    coordinates: slice, colours: tuple[str | None, str | None], kind: str, differ: tuple[str, ...]
) -> None:
    """Labels that differ or few coordinates that do; identical pictures are copies, whatever their labels say."""
    fixed = (
        to_fixed(near(2, coordinates)) if coordinates != slice(0, 0) else to_fixed(near(1, slice(None))).repeat(2, 0)
    )
    items = [
        IndexedItem(f"i{one}", {"color": colour} if colour else {}, "e", (IndexedView("a.jpg", "e", fixed[one]),))
        for one, colour in enumerate(colours)
    ]
    table = build_table(items, Schema({"color": Field("string", attribute=True)}), 400)

    (found,) = find_duplicates(table, ["color"], 0.96, np.array([[1, 0]])).items

    assert (found.kind, found.differ, found.ids) == (kind, differ, ("i0", "i1"))
