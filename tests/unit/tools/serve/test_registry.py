"""Servers are found from any folder, by name; what a dead one left counts for nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tonari.errors import SettingError
from tonari_tools.serve import registry
from tonari_tools.serve.registry import choose, find_all
from tonari_tools.serve.running import Running, announced, reserved

SERVE = """
import sys, time
from pathlib import Path
from tonari_tools.serve.registry import registered
from tonari_tools.serve.running import Running, reserved
state, name, url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
state.mkdir(parents=True, exist_ok=True)
with reserved(state), registered(state, Running(url, "/c", "/a", 1, name)) as running:
    print(running.name, flush=True)
    time.sleep(600)
"""


def running(name: str, shown: str = "", began: str = "/elsewhere") -> Running:
    return Running(f"http://{name}", "/c", "/a", 1, name, shown, began)


SHOP, PHOTOS, SHOES = (
    running("shop", began="/mika"),
    running("photos", "/mika/photos"),
    running("shoes", "/shoes"),
)
CAFE = running("cafe\u0301")

OTHER = running("other", began="/mika")


@pytest.mark.parametrize(
    ("found", "name", "here", "meant"),
    [
        ([], "", "/mika", None),
        ([SHOP], "", "/anywhere", SHOP),
        ([SHOP, PHOTOS], "", "/mika", SHOP),
        ([SHOP, PHOTOS], "", "/mika/photos", PHOTOS),
        ([SHOP, PHOTOS, SHOES], "shoes", "/mika", SHOES),
        ([SHOP], "shop", "/mika", SHOP),
        ([SHOP, CAFE], "caf\u00e9", "/mika", CAFE),
    ],
)
def test_a_server_is_chosen(found: list[Running], name: str, here: str, meant: Running | None) -> None:
    assert choose(found, name, Path(here)) == meant


@pytest.mark.parametrize(
    ("found", "name", "error"),
    [
        ([SHOP, PHOTOS], "", "Which demo? Name one: --demo NAME, or TONARI_DEMO. Running: shop at http://shop, photos"),
        ([SHOP, PHOTOS], "shpo", "No demo called 'shpo' is running. Running: shop at http://shop, photos at"),
        ([], "shop", "No demo called 'shop' is running. None is running: start one with tonari demo."),
        ([SHOP, OTHER], "", "Which demo?"),
    ],
)
def test_where_several_could_be_meant_all_are_named(found: list[Running], name: str, error: str) -> None:
    with pytest.raises(SettingError, match=re.escape(error)):
        choose(found, name, Path("/mika" if found[1:] == [OTHER] else "/anywhere"))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of their own, in an empty folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(registry.tempfile, "tempdir", None)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture
def start(places: Path) -> Iterator[Callable[[str, str], tuple[subprocess.Popen[str], str]]]:
    """Start a process that serves, in a manner of speaking; gives it and the name that it got."""
    started = []

    def begin(state: str, name: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", SERVE, str(places / state), name, f"http://{state}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def found() -> dict[str, str]:
    return {one.name: one.url for one in find_all()}


Start = Callable[[str, str], tuple[subprocess.Popen[str], str]]


def test_each_server_has_a_name_of_its_own_until_it_ends(start: Start) -> None:
    first, name = start("one", "shop")
    assert (name, found()) == ("shop", {"shop": "http://one"})
    assert start("two", "shop")[1] == "shop-2"
    assert start("three", "my photos & co 隣\udcff".encode("utf-8", "surrogateescape").decode("utf-8", "replace"))[1]
    assert set(found()) == {"shop", "shop-2", "my photos & co 隣�"}
    first.send_signal(signal.SIGTERM)
    first.wait()
    assert "shop" not in found()
    assert start("four", "shop")[1] == "shop"


def test_one_that_was_killed_is_gone_and_may_start_again_under_its_name(start: Start, places: Path) -> None:
    process, _ = start("one", "shop")
    process.kill()
    process.wait()
    assert found() == {}
    assert start("two", "shop")[1] == "shop"
    assert start("one", "shop")[1] == "shop-2"
    entries = list((places / "config").rglob("*.json"))
    assert len(entries) == 2, "the entry of the killed one was left"


@pytest.mark.parametrize("home", ["/dev/null/home", "not/absolute"])
def test_where_the_home_cannot_be_written_another_folder_is_used(
    start: Start, places: Path, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    assert start("one", "shop")[1] == "shop"
    assert found() == {"shop": "http://one"}
    assert list((places / "temporary").rglob("*.json"))


def test_without_any_folder_the_one_where_it_began_is_enough(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null")
    monkeypatch.setenv("TMPDIR", "/dev/null")
    monkeypatch.setattr(registry, "_candidates", list)
    assert start("here/.tonari/photos-1", "photos")[1] == "photos"
    assert found() == {"photos": "http://here/.tonari/photos-1"}


def test_damaged_entries_count_for_nothing(start: Start, places: Path) -> None:
    start("one", "shop")
    folder = next((places / "config").rglob("*.json")).parent
    for number, text in enumerate(("", "[]", "{}", '{"state": 7}', '{"state": "/nowhere"}', "\ud800")):
        (folder / f"{number}.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    assert found() == {"shop": "http://one"}
    assert start("two", "other")[1] == "other"


@pytest.mark.skipif(os.name != "posix", reason="files have no such owners")
def test_what_another_user_planted_is_not_believed(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = places / "config" / "tonari" / "running"
    folder.mkdir(parents=True)
    state = places / "state"
    state.mkdir()
    with reserved(state), announced(state, SHOP):
        (folder / "1.json").write_text(json.dumps({"state": str(state)}))
        assert found() == {"shop": "http://shop"}
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert found() == {}
