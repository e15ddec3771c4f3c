from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pictures import encoded, photo
from tonari.images.decode import memory_needed, prepare
from tonari.images.framing import Framing
from tonari.images.guards import admit
from tonari.images.memory import MemoryBudget

FRAMING = Framing(224, 224, 256)
SOON = 5


def test_never_more_is_held_than_there_is() -> None:
    budget, lock = MemoryBudget(100), threading.Lock()
    held = most = 0

    def work(wanted: int) -> None:
        nonlocal held, most
        with budget.hold(wanted):
            with lock:
                held += wanted
                most = max(most, held)
            threading.Event().wait(0.001)
            with lock:
                held -= wanted

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [30, 60, 10, 50] * 25))

    assert 60 < most <= 100


def test_who_needs_more_than_there_is_gets_all_of_it_alone() -> None:
    budget, other = MemoryBudget(100), threading.Event()

    def wait() -> None:
        with budget.hold(1):
            other.set()

    with ThreadPoolExecutor(1) as pool:
        with budget.hold(1_000):
            waiting = pool.submit(wait)
            assert not other.wait(0.05)
        waiting.result(SOON)


def test_small_ones_do_not_overtake_a_large_one() -> None:
    budget = MemoryBudget(100)
    order: list[int] = []

    def work(wanted: int) -> None:
        with budget.hold(wanted):
            order.append(wanted)

    with ThreadPoolExecutor(3) as pool, budget.hold(50):
        for count, wanted in enumerate((100, 10, 20), 1):
            pool.submit(work, wanted)
            give_up = time.monotonic() + SOON
            while len(budget._waiting) < count and time.monotonic() < give_up:
                threading.Event().wait(0.001)
        assert order == []

    assert order[0] == 100


def test_what_a_failure_held_is_free_again() -> None:
    budget = MemoryBudget(100)

    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), budget.hold(100):
            raise ValueError("broken")


def test_a_picture_waits_for_room() -> None:
    data, budget = encoded(photo(400, 300), "PNG"), MemoryBudget(1_000)

    with ThreadPoolExecutor(1) as pool:
        with budget.hold(1):
            waiting = pool.submit(prepare, data, FRAMING, budget)
            threading.Event().wait(0.1)
            assert not waiting.done()
        assert waiting.result(SOON).shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("kind", "options", "each"),
    [
        ("PNG", {}, 8),
        ("GIF", {}, 6),
        ("WEBP", {"method": 0}, 12),
        ("JPEG", {}, 8 / 16),
        ("JPEG", {"progressive": True}, 8 / 16 + 2 * 1.5),
        ("JPEG", {"progressive": True, "subsampling": 0}, 8 / 16 + 2 * 3),
    ],
)
def test_need_is_told_from_the_header(kind: str, options: dict[str, object], each: float) -> None:
    """A JPEG of this size is decoded at a quarter of its sides; if progressive, its coefficients are kept beside."""
    header = admit(encoded(photo(2_048, 2_048), kind, **options))

    assert memory_needed(header, FRAMING) - len(header.data) == each * 2_048**2


def test_a_jpeg_that_is_decoded_twice_needs_twice_as_much() -> None:
    data = encoded(photo(2_048, 2_048), "JPEG")
    header = admit(data[:-2])

    assert memory_needed(header, FRAMING) == 2 * (len(header.data) + 2_048**2 // 2)
