from __future__ import annotations

import numpy as np
import pytest

from tonari.audit.duplicates import components


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
