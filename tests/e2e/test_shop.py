"""The whole path as a shop's engineer walks it: a folder, `tonari demo`, questions, changes, the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.shop import ATTRIBUTES, PRODUCTS, draw
from pictures import encoded
from tonari.client import Client
from tonari.contract.requests import Method, PredictRequest, SearchOptions
from tonari_tools.serve.buckets import open_bucket
from tonari_tools.serve.running import Running, find_running

ONE = SearchOptions(k=1)
PATIENCE_SECONDS = 60


def make_shop(folder: Path) -> Path:
    """Lay out a shop: a subfolder with two views per item, a table of fields, a schema; returns its parent."""
    for product in PRODUCTS:
        (folder / "shop" / product.id).mkdir(parents=True)
        for name, inset in (("front", 40), ("far", 60)):
            picture = encoded(draw(product.color, product.category, inset=inset), "PNG")
            (folder / "shop" / product.id / f"{name}.png").write_bytes(picture)
    rows = [json.dumps(product.document) for product in PRODUCTS]
    (folder / "shop" / "fields.jsonl").write_text("\n".join(rows))
    (folder / "shop" / "schema.json").write_text(json.dumps(ATTRIBUTES))
    return folder


def photograph(folder: Path, color: str, kind: str) -> Path:
    """Take a picture of a thing as no view in the shop shows it."""
    photo = folder / "query.png"
    photo.write_bytes(encoded(draw(color, kind, inset=50), "PNG"))
    return photo


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("e2e"))


def start(workplace: Path) -> subprocess.Popen[str]:
    """Start a demo over the shop."""
    command = [sys.executable, "-m", "tonari_tools.cli.main", "demo", "shop", "--port", "0"]
    return subprocess.Popen(
        command, cwd=workplace, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def wait_until_ready(demo: subprocess.Popen[str], workplace: Path) -> Running:
    """Wait for the line that says so; what was printed goes into the failure."""
    assert demo.stdout is not None
    printed = []
    for line in demo.stdout:
        printed.append(line)
        if line.startswith("Ready"):
            running = find_running(next((workplace / ".tonari").glob("*/running.json")).parent)
            assert running is not None
            return running
    raise AssertionError("".join(printed))


def end(demo: subprocess.Popen[str]) -> None:
    """Press Ctrl-C and see that no process of the demo's session is left; print what it said, for failures to show."""
    os.kill(demo.pid, signal.SIGINT)
    sys.stdout.write(demo.communicate(timeout=30)[0])
    left = subprocess.run(["pgrep", "--session", str(demo.pid)], capture_output=True, text=True, check=False).stdout
    assert left == ""


@pytest.fixture(scope="module")
def shop(workplace: Path) -> Iterator[Running]:
    demo = start(workplace)
    try:
        yield wait_until_ready(demo, workplace)
    finally:
        end(demo)


def tonari(*arguments: str, workplace: Path) -> str:
    """Run a command beside the demo, which it must find by itself."""
    command = [sys.executable, "-m", "tonari_tools.cli.main", *arguments]
    done = subprocess.run(command, cwd=workplace, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_health_counts_what_was_pushed(shop: Running) -> None:
    health = Client(shop.url).health()
    assert (health.items, health.views) == (12, 24)
    assert set(health.attributes) == {"color", "category"}


def test_the_thing_itself_is_nearest(shop: Running, tmp_path: Path) -> None:
    for product in PRODUCTS:
        photo = photograph(tmp_path, product.color, product.category)
        assert Client(shop.url).search(photo, ONE).items[0].id == product.id


def test_the_range_is_narrowed_by_price(shop: Running, tmp_path: Path) -> None:
    dear = {product.id for product in PRODUCTS if product.price >= 30}
    options = SearchOptions(k=12, filter={"price": {"$gte": 30}})
    answer = Client(shop.url).search(photograph(tmp_path, "red", "ball"), options)
    assert {item.id for item in answer.items} == dear
    assert 0 < len(dear) < 12


@pytest.mark.parametrize("method", ["means", "vote"])
def test_attributes_are_predicted(shop: Running, tmp_path: Path, method: Method) -> None:
    request = PredictRequest(image=photograph(tmp_path, "blue", "tent").read_bytes(), method=method)
    predictions = Client(shop.url).predict(request).predictions
    assert predictions.keys() == {"color", "category"}
    if method == "means":
        assert predictions["color"].value == "blue"
        assert predictions["category"].value == "tent"


def test_commands_find_what_is_running(shop: Running, workplace: Path, tmp_path: Path) -> None:
    del shop
    photo = str(photograph(tmp_path, "green", "box"))
    found = json.loads(tonari("search", photo, "-k", "1", "--json", workplace=workplace))
    assert found["items"][0]["id"] == "green-box"
    assert "green" in tonari("predict", photo, workplace=workplace)
    assert "12" in tonari("status", workplace=workplace)


def test_an_image_put_into_the_bucket_turns_up(shop: Running, tmp_path: Path) -> None:
    catalogue, client = open_bucket(shop.catalogue), Client(shop.url)
    photo = photograph(tmp_path, "yellow", "box")
    catalogue.put("images/brand new/front.png", photo.read_bytes(), "image/png")
    wait_for(lambda: client.search(photo, ONE).items[0].id == "brand new")
    catalogue.delete("images/brand new/front.png")
    wait_for(lambda: client.search(photo, ONE).items[0].id == "yellow-box")


def wait_for(seen: Callable[[], bool]) -> None:
    """Look until it is seen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_second_start_serves_the_same_snapshot(tmp_path: Path) -> None:
    folder = make_shop(tmp_path)
    snapshots = []
    for _ in range(2):
        demo = start(folder)
        try:
            snapshots.append(Client(wait_until_ready(demo, folder).url).health().snapshot)
        finally:
            end(demo)
    assert snapshots[0] == snapshots[1]
