"""Hostile pictures, and honest ones of twelve megapixels, encoded as a catalogue's are: what each costs.

Time is that of the processor, since the clock on the wall of a busy machine tells nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from graphs import MEAN_COLOUR, mean_colour
from hostile import measured
from hostile.measured import Cost
from hostile.pictures import Make, honest, hostile
from pictures import valid
from tonari.api.app import App
from tonari.api.http import Request
from tonari.builds.look import RebuildContext
from tonari.builds.rebuild import rebuild
from tonari.catalogue.documents import image_key
from tonari.encoders.store import load_encoder, save_encoder
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari.snapshots.head import use_encoder
from tonari.storage.folder import FolderBucket
from torture.figure import Figure, Say

MOST_SECONDS, MOST_MEGABYTES = 1.0, 200.0
SIDE, EDGE = 224, 256
DEAREST = 3
HTTP_APART = 7
"""One of so many is also sent by HTTP."""
BAD = ("died", "unexpected")
Named = tuple[str, Make]


def run(share: float, seed: int, say: Say) -> Iterator[Figure]:
    """Encode them all; of a share, every so manieth."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = mean_colour(home / "model.onnx", side=SIDE)
        config = home / "encoder.json"
        config.write_bytes(_config())
        fine = _measure(home, _every(share, honest().items()), say)
        evil = _measure(home, _every(share, hostile(seed)), say)
        yield _figure("honest pictures of 12 megapixels are encoded", fine, {n for n in fine if not _encoded(fine[n])})
        yield _figure("hostile pictures: no death, no error of ours", evil, {n for n in evil if _bad(evil[n])})
        both = {f"honest: {name}": cost for name, cost in fine.items()} | evil
        dear = {name for name, cost in both.items() if cost.seconds > MOST_SECONDS or cost.megabytes > MOST_MEGABYTES}
        yield _figure(f"each within {MOST_SECONDS:g} s of processor and {MOST_MEGABYTES:g} MB", both, dear)
        yield _by_http(home, model, _every(share / HTTP_APART, hostile(seed)))


def _config() -> bytes:
    given = {**MEAN_COLOUR["input"], "height": SIDE, "width": SIDE}
    prepared = {**MEAN_COLOUR["preprocessing"], "shortest_edge": EDGE, "resample": "bicubic"}
    return json.dumps({**MEAN_COLOUR, "input": given, "preprocessing": prepared}).encode()


def _every(share: float, given: Iterable[Named]) -> list[Named]:
    apart = max(1, round(1 / share))
    return list(given)[apart // 2 :: apart]


def _measure(home: Path, named: list[Named], say: Say) -> dict[str, Cost]:
    path = home / "picture"

    def written() -> Iterator[Path]:
        for _, make in named:
            path.write_bytes(make())
            yield path

    found: dict[str, Cost] = {}
    costs = measured.measure(written(), home / "model.onnx", home / "encoder.json")
    for (name, _), cost in zip(named, costs, strict=True):
        found[name] = cost
        say(f"{len(found)} of {len(named)}: {cost.seconds:.2f} s, {cost.megabytes:.0f} MB, {name}: {cost.outcome:.90}")
    return found


def _encoded(cost: Cost) -> bool:
    return cost.outcome == "encoded"


def _bad(cost: Cost) -> bool:
    return cost.outcome.startswith(BAD)


def _figure(fault: str, costs: dict[str, Cost], failed: set[str]) -> Figure:
    slow = sorted(costs, key=lambda name: -costs[name].seconds)[:DEAREST]
    large = sorted(costs, key=lambda name: -costs[name].megabytes)[:DEAREST]
    note = (
        f"{sum(map(_encoded, costs.values()))} encoded; slowest "
        f"{', '.join(f'{costs[name].seconds:.2f} s {name}' for name in slow)}; largest "
        f"{', '.join(f'{costs[name].megabytes:.0f} MB {name}' for name in large)}"
    )
    failures = "; ".join(f"FAILED {name}: {costs[name]}" for name in sorted(failed))
    return Figure(fault, len(costs), len(failed), "; ".join(filter(None, (note, failures))))


def _by_http(home: Path, model: Path, named: list[Named]) -> Figure:
    """Post them to the application as the body of a search."""
    app = _app(home, model)
    statuses: dict[str, int] = {}
    for name, make in named:
        statuses[name] = app(Request("POST", "/v1/search", (), "image/png", make())).status
    failed = [f"{name}: {status}" for name, status in statuses.items() if not 200 <= status < 500]
    counts = {status: list(statuses.values()).count(status) for status in sorted(set(statuses.values()))}
    return Figure("hostile pictures by HTTP: 2xx or 4xx", len(statuses), len(failed), f"{counts} {'; '.join(failed)}")


def _app(home: Path, model: Path) -> App:
    for name in ("catalogue", "artefacts", "cache"):
        (home / name).mkdir()
    catalogue, artefacts, cache = FolderBucket(home / "catalogue"), FolderBucket(home / "artefacts"), home / "cache"
    use_encoder(artefacts, save_encoder(artefacts, model.read_bytes(), _config()))
    catalogue.put(image_key("plain", "front.jpg"), valid()["jpeg"])
    load = partial(load_encoder, artefacts, cache=cache)
    rebuild(RebuildContext(catalogue, artefacts, load, cache, lambda *_: None, lambda: 900.0))
    return App(Reader(artefacts, cache, 10, BuiltinOpening(), lambda _: None), catalogue, artefacts)
