"""Every artefact damaged, wherever it lies: in the bucket, in the cache of a cold reader, in that of a warm one.

A child process serves, so that a death is seen. Two states are whole in the bucket: the live one, and the one before,
which shares no file with it, nor the encoder. Whatever is damaged, one of the two must answer, to the letter.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from damage.child_reader import Answers, Child, World, build_world, settle
from tonari.snapshots.head import HEAD
from torture.figure import Figure, Say

TRIALS = 1000
PLACES = ("bucket, cold", "bucket, warm", "cache, cold", "cache, warm")
"""Where the damage is, and whether a reader has loaded what was there before."""
BAD = ("died", "silent", "wrong answer", "error without a reason")

Damage = Callable[[bytes, np.random.Generator], bytes]


def _changed(data: bytes, random: np.random.Generator, length: int, change: Callable[[int], int]) -> bytes:
    damaged = bytearray(data)
    begin = int(random.integers(len(data)))
    for place in range(begin, min(begin + length, len(data))):
        damaged[place] = change(damaged[place])
    return bytes(damaged)


DAMAGES: dict[str, Damage] = {
    "a flipped bit": lambda data, random: _changed(data, random, 1, lambda byte: byte ^ 1 << int(random.integers(8))),
    "an inverted stretch": lambda data, random: _changed(data, random, 64, lambda byte: byte ^ 255),
    "zeros": lambda data, random: _changed(data, random, 4096, lambda _: 0),
    "a cut": lambda data, random: data[: int(random.integers(len(data)))],
    "an end too many": lambda data, random: data + random.bytes(int(random.integers(1, 5000))),
    "nothing left": lambda _, __: b"",
}


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Damage artefacts at random, as often at each place."""
    with tempfile.TemporaryDirectory() as folder:
        world = build_world(Path(folder))
        for place in PLACES:
            yield from trial(world, place, max(1, round(TRIALS * share / len(PLACES))), seed, say)


def trial(world: World, place: str, trials: int, seed: int, say: Say) -> Iterator[Figure]:
    """Damage files at one place; the head is counted apart, since for a cold reader its copy stands in."""
    random = np.random.default_rng([seed, *place.encode()])
    kinds = sorted(world.cached if place.startswith("cache") else world.keys)
    seen: dict[str, Counter[str]] = {}
    failures: dict[str, str] = {}
    child = Child(world)
    whole, _ = _outcome(child, world, place, kinds[0], lambda data, _: data, random)
    assert whole in ("live state answers", "state before answers"), whole
    for number in range(trials):
        kind = kinds[number % len(kinds)]
        what = "the head" if kind == "head" else "any other file"
        how = str(random.choice(sorted(DAMAGES)))
        outcome, detail = _outcome(child, world, place, kind, DAMAGES[how], random)
        seen.setdefault(what, Counter())[outcome] += 1
        if outcome in (*BAD, "unserved"):
            failures.setdefault(what, f"; first: number {number}, {how} of {kind}")
            say(f"{place}, {number}: {how} of {kind}: {outcome} {detail:.300}")
        if outcome in ("died", "silent"):
            child.stop()
            child = Child(world)
    child.stop()
    for what, counted in sorted(seen.items()):
        bad = [*BAD, "unserved"]
        note = ", ".join(f"{name} {count}" for name, count in sorted(counted.items())) + failures.get(what, "")
        yield Figure(f"{what} damaged, {place}", counted.total(), sum(counted[name] for name in bad), note)


def _outcome(
    child: Child, world: World, place: str, kind: str, damage: Damage, random: np.random.Generator
) -> tuple[str, str]:
    """Damage one file, ask, and mend it; gives what came of it."""
    with tempfile.TemporaryDirectory(dir=world.folder, ignore_cleanup_errors=True) as folder:
        cache = Path(folder) / "cache"
        try:
            asked = {
                "bucket, cold": _bucket_cold,
                "bucket, warm": _bucket_warm,
                "cache, cold": _cache_cold,
                "cache, warm": _cache_warm,
            }[place](child, world, cache, kind, lambda data: damage(data, random))
        except EOFError:
            return "died", ""
        except TimeoutError:
            return "silent", ""
        outcomes = [_judge(world, answers) for answers in asked]
        return next((one for one in outcomes if one[0] in BAD or one[0] == "unserved"), outcomes[-1])


Ruin = Callable[[bytes], bytes]


def _in_bucket(world: World, kind: str, ruin: Ruin) -> Callable[[], object]:
    """Damage an object; gives what mends it."""
    key, bucket = world.keys[kind], world.bucket
    whole = bucket.get(key).data
    bucket.put(key, ruin(whole))
    return lambda: bucket.put(key, whole)


def _bucket_cold(child: Child, world: World, cache: Path, kind: str, ruin: Ruin) -> list[Answers]:
    mend = _in_bucket(world, kind, ruin)
    try:
        child.start_cold(cache)
        return [child.ask()]
    finally:
        mend()


def _bucket_warm(child: Child, world: World, cache: Path, kind: str, ruin: Ruin) -> list[Answers]:
    """Load the state before; then the head moves on to files one of which is damaged."""
    shutil.copytree(world.folder / "cache before", cache)
    world.bucket.put(HEAD, world.head_before)
    child.start_cold(cache)
    asked = [child.ask()]
    world.bucket.put(HEAD, world.head)
    mend = _in_bucket(world, kind, ruin)
    try:
        for _ in range(2):
            asked.append(child.ask())
            settle()
    finally:
        mend()
    return asked


def _cache_cold(child: Child, world: World, cache: Path, kind: str, ruin: Ruin) -> list[Answers]:
    shutil.copytree(world.folder / "cache", cache)
    path = cache / world.cached[kind]
    path.write_bytes(ruin(path.read_bytes()))
    child.start_cold(cache)
    return [child.ask()]


def _cache_warm(child: Child, world: World, cache: Path, kind: str, ruin: Ruin) -> list[Answers]:
    """Write into a file that is mapped."""
    shutil.copytree(world.folder / "cache", cache)
    child.start_cold(cache)
    asked = [child.ask()]
    path = cache / world.cached[kind]
    path.write_bytes(ruin(path.read_bytes()))
    for _ in range(2):
        asked.append(child.ask())
        settle()
    return asked


def _judge(world: World, answers: Answers) -> tuple[str, str]:
    """Say what answers are; where one is wrong, with what it says."""
    if answers == world.live:
        return "live state answers", ""
    if answers == world.before:
        return "state before answers", ""
    problems = [json.loads(body) for status, body in answers if status >= 500]
    if len(problems) < len(answers):
        return "wrong answer", str(answers)
    reasons = {(problem["type"], problem["detail"]) for problem in problems}
    clear = all(detail and not kind.endswith("internal") for kind, detail in reasons)
    return "unserved" if clear else "error without a reason", str(min(reasons))
