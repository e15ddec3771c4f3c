"""Eight rebuilders at the same moment, beside a reindexer and a collector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from living.place import AT_ONCE, Place, place, server
from living.shop import items_of
from living.worker import Failed, Holding
from living.zygote import Worker
from tonari.builds import lease as leasing
from tonari.builds.rebuild import Rebuilt
from tonari.builds.reindex import Reindexed
from tonari.catalogue.documents import document_key
from torture.figure import Figure, Say

REBUILDERS, ROUNDS = 8, 50


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Let rebuilders race by the lease, then with one that protects nobody."""
    with server() as seaweed:
        opened = partial(place, seaweed.endpoint)
        rounds = max(1, round(share * ROUNDS))
        with opened(Random(seed), leasing.PATIENCE_SECONDS) as here:
            yield _race(here, Random(seed), say, "8 rebuilders racing on SeaweedFS", [_by_lease] * rounds)
        with opened(Random(seed), AT_ONCE) as here:
            fault = "8 rebuilders that take each other's lease"
            yield _race(here, Random(seed), say, fault, [_by_fencing] * rounds)
            fault = "8 rebuilders that take each other's lease, and a collector"
            yield _race(here, Random(seed), say, fault, [_unordered] * max(1, rounds // 2))


@dataclass
class _Racers:
    """Eight processes that rebuild, and one that reindexes, each on a machine of its own."""

    place: Place
    random: Random
    rebuilders: list[Worker]
    reindexer: Worker
    counts: Counter[str]

    def change(self) -> list[str]:
        """Change something, and give the items."""
        return items_of([key for _ in range(self.random.randint(1, 3)) for key in self.place.shop.change()])

    def reindex(self) -> list[str]:
        """Change something and let it be reindexed; tell if that fails."""
        items, moment = self.change(), self.place.shop.moment
        said = self.reindexer.ask("reindex", items=items)
        if not isinstance(said, Reindexed) or said.outcome == "rebuild":
            return [f"reindexing failed: {said}"]
        self.place.watch.acknowledged(items, moment)
        return []

    def outcomes(self, said: list[Any], moment: int) -> Counter[str]:
        """Count what rebuilds came to, and note what they promise."""
        found = Counter(one.outcome if isinstance(one, Rebuilt) else str(one) for one in said)
        if found["published"]:
            self.place.watch.acknowledged(self.place.shop.items, moment)
        self.counts += found
        return found


def _race(here: Place, random: Random, say: Say, fault: str, rounds: list[Callable[[_Racers], list[str]]]) -> Figure:
    own = here.settings.cache
    with ExitStack() as stack:
        made = [here.worker(cache=own.with_name(f"machine-{number}")) for number in range(REBUILDERS + 1)]
        for one in made:
            stack.callback(one.leave)
        racers = _Racers(here, random, made[1:], made[0], Counter())
        made[0].ask("rebuild")
        wrong, failed = list[str](), 0
        for number, one_round in enumerate(rounds, 1):
            here.shop.put(document_key(here.shop.items[0]), b'{"price": %d}' % (100 + number))
            found = [*one_round(racers), *here.watch.violations()]
            if number % 5 == 0 or number == len(rounds):
                made[0].ask("rebuild")
                found += here.watch.differences()
            failed += bool(found)
            wrong += [f"round {number}: {one}" for one in found]
            if number % 10 == 0:
                say(f"{fault}: {number} rounds, {len(wrong)} violations")
    notes = ", ".join(f"{what} {count}" for what, count in sorted(racers.counts.items()))
    return Figure(fault, len(rounds), failed, "; ".join([notes, *wrong[:3]]))


def _by_lease(racers: _Racers) -> list[str]:
    """All begin at once: one gets the lease, and holds it until all others have answered and two segments lie there."""
    moment = racers.place.shop.moment
    for one in racers.rebuilders:
        one.send("rebuild", hold=True)
    said = {one: one.receive() for one in racers.rebuilders}
    holders = [one for one, first in said.items() if isinstance(first, Holding)]
    others = [first for first in said.values() if not isinstance(first, Holding)]
    wrong = [*racers.reindex(), *racers.reindex()]
    for one in holders:
        one.go_on()
    outcomes = racers.outcomes([*others, *(one.receive() for one in holders)], moment)
    if outcomes != Counter(published=1, busy=REBUILDERS - 1):
        wrong.append(f"not one winner: {dict(outcomes)}")
    return wrong


def _by_fencing(racers: _Racers) -> list[str]:
    """Each takes the lease from the one before and lists the catalogue; then all go on at once."""
    moment = racers.place.shop.moment
    for one in racers.rebuilders:
        one.send("rebuild", hold=True)
    firsts = [one.receive() for one in racers.rebuilders]
    wrong = [*racers.reindex(), *(f"{one} instead of holding" for one in firsts if not isinstance(one, Holding))]
    for one, first in zip(racers.rebuilders, firsts, strict=True):
        if isinstance(first, Holding):
            one.go_on()
    wrong += racers.reindex()
    pairs = zip(racers.rebuilders, firsts, strict=True)
    outcomes = racers.outcomes([one.receive() if isinstance(at, Holding) else at for one, at in pairs], moment)
    if outcomes != Counter(published=1, superseded=REBUILDERS - 1):
        wrong.append(f"not one winner: {dict(outcomes)}")
    return wrong


def _unordered(racers: _Racers) -> list[str]:
    """Each does what it does when it does it, while a collector without grace deletes what no head names."""
    moment = racers.place.shop.moment
    for one in racers.rebuilders[1:]:
        one.send("rebuild")
    racers.rebuilders[0].send("collect", grace=AT_ONCE)
    wrong = racers.reindex()
    racers.rebuilders[0].receive()
    racers.rebuilders[0].send("collect", grace=AT_ONCE)
    wrong += racers.reindex()
    said = [one.receive() for one in racers.rebuilders]
    racers.outcomes(said[1:], moment)
    return [*wrong, *(one.detail for one in said if isinstance(one, Failed) and one.bug)]
