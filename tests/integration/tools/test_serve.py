"""`tonari serve` in a process of its own: it builds, answers, follows changes of its folder, and ends cleanly."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from aws.services import Endpoint
from conftest import Buckets
from graphs import mean_colour
from integration.forms import upload
from integration.shop import BY_ID, PRODUCTS, push
from integration.tools.test_fit import PIXELS
from tonari.catalogue.documents import document_key, image_key
from tonari.encoders.store import save_encoder
from tonari.snapshots.head import use_encoder
from tonari.storage.bucket import PresignedPost
from tonari.storage.folder import FolderBucket
from tonari_tools.serve.running import Running, find_running

DEADLINE = 120


class Server:
    """`tonari serve` over the folders ``catalogue`` and ``artefacts`` of a place."""

    def __init__(self, place: Path, port: int = 0) -> None:
        self.place = place
        self.errors = place / "errors"
        command = [sys.executable, "-m", "tonari_tools.cli.main", "serve", "catalogue/", "artefacts/"]
        environment = os.environ | {"AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)],
                cwd=place,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                env=environment,
            )

    @property
    def running(self) -> Running | None:
        return next(filter(None, map(find_running, (self.place / ".tonari").glob("serve-*"))), None)

    def wait(self) -> Running:
        def up() -> Running | None:
            assert self.process.poll() is None, self.errors.read_text()
            return self.running

        running: Running = eventually(up)
        return running

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
        self.process.send_signal(number)
        output = self.process.communicate(timeout=DEADLINE)[0]
        return output, self.errors.read_text()


def eventually(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return answer


def ask(running: Running, path: str, value: object = None, method: str | None = None) -> tuple[int, dict[str, Any]]:
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(running.url + path, data, {"content-type": "application/json"}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def nearest(running: Running, item: str) -> str:
    status, answer = ask(running, "/v1/search", {"id": item, "k": 1})
    return answer["items"][0]["id"] if status == 200 else ""


@pytest.fixture(scope="module")
def built_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop in a folder that a first server has built; it has ended as Ctrl-C ends it."""
    place = tmp_path_factory.mktemp("served")
    for name in ("catalogue", "artefacts"):
        (place / name).mkdir()
    push(FolderBucket(place / "catalogue"))
    artefacts = FolderBucket(place / "artefacts")
    model = mean_colour(place / "pixels.onnx").read_bytes()
    use_encoder(artefacts, save_encoder(artefacts, model, json.dumps(PIXELS).encode()))
    server = Server(place)
    running = server.wait()
    assert (running.catalogue, running.artefacts) == (str(place / "catalogue"), str(place / "artefacts"))
    assert ask(running, "/v1/health")[1]["items"] == len(PRODUCTS)
    output, errors = server.end()
    assert server.process.returncode == 0
    assert "published: 12 items" in output
    assert "Ready in" in output
    assert "GET /v1/health 200" in errors
    assert "Traceback" not in errors
    assert server.running is None
    return place


@pytest.fixture
def place(built_place: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    for name in ("catalogue", "artefacts"):
        shutil.copytree(built_place / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(port: int = 0) -> Server:
        started.append(Server(place, port))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.communicate()


def test_what_changes_in_the_folder_turns_up(start: Callable[..., Server], place: Path) -> None:
    server = start()
    running = server.wait()
    by_hand = place / "catalogue" / "images" / "brand new"
    by_hand.mkdir()
    (by_hand / "Front (1).PNG").write_bytes(BY_ID["red-ball"].picture())
    eventually(lambda: nearest(running, "red-ball") == "brand new")
    shutil.rmtree(by_hand)
    eventually(lambda: ask(running, "/v1/items/brand%20new")[0] == 404)

    status, accepted = ask(running, "/v1/items/sent", {"color": "blue"}, "PUT")
    assert status == 202
    form = PresignedPost(accepted["upload"]["url"], accepted["upload"]["fields"])
    assert upload(form, BY_ID["blue-tent"].picture(), "a b.png", "image/png") == 204
    eventually(lambda: nearest(running, "blue-tent") == "sent")
    assert ask(running, "/v1/items/sent")[1]["views"] == ["a b.png"]
    with urllib.request.urlopen(f"{running.url}/v1/items/sent/image") as picture:  # noqa: S310
        assert picture.read() == BY_ID["blue-tent"].picture()
        assert picture.headers["content-type"] == "image/png"
    assert ask(running, "/v1/items/sent", method="DELETE")[0] == 202
    eventually(lambda: ask(running, "/v1/items/sent")[0] == 404)

    form = PresignedPost(*(ask(running, "/v1/uploads", {})[1][name] for name in ("url", "fields")))
    assert upload(form, BY_ID["green-box"].picture(), "query.png", "image/png") == 204
    found = ask(running, "/v1/search", {"upload": form.fields["key"], "k": 1})[1]
    assert found["items"][0]["id"] == "green-box"
    _, errors = server.end(signal.SIGTERM)
    assert server.process.returncode == 0
    assert "Traceback" not in errors


def test_a_second_start_builds_nothing_and_answers_after_a_pause(start: Callable[..., Server], place: Path) -> None:
    before = FolderBucket(place / "artefacts").get("head.json").data
    server = start()
    running = server.wait()
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(2)
    server.process.send_signal(signal.SIGCONT)
    assert ask(running, "/v1/search", {"id": "red-ball", "k": 1})[0] == 200
    output, _ = server.end()
    assert "index" not in output
    assert FolderBucket(place / "artefacts").get("head.json").data == before


def test_what_changed_while_nobody_served_turns_up(start: Callable[..., Server], place: Path) -> None:
    catalogue = FolderBucket(place / "catalogue")
    catalogue.delete(document_key("red-ball"), image_key("red-ball", "front.png"))
    running = start().wait()
    eventually(lambda: ask(running, "/v1/items/red-ball")[0] == 404)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_at_any_time_leaves_nothing_behind(start: Callable[..., Server], number: signal.Signals) -> None:
    server = start()
    server.wait()
    server.end(number)
    assert server.running is None
    eventually(lambda: not session(server.process.pid))
    again = start()
    time.sleep(0.5)
    again.end(number)
    eventually(lambda: not session(again.process.pid))
    assert start().wait()


def session(leader: int) -> str:
    """All processes of a session, as ps lists them."""
    listed = subprocess.run(["pgrep", "--session", str(leader), "-a"], capture_output=True, text=True, check=False)
    return listed.stdout


def test_a_taken_port_and_a_second_server_are_refused(start: Callable[..., Server], place: Path) -> None:
    running = start().wait()
    listed = subprocess.run(
        [sys.executable, "-m", "tonari_tools.cli.main", "demos"], cwd="/", capture_output=True, text=True, check=True
    ).stdout.split()
    assert listed[-3:] == [running.name, running.url, str(place / "catalogue")]
    second = start()
    second.process.communicate(timeout=DEADLINE)
    assert f"running at {running.url}" in second.errors.read_text()
    shutil.copytree(place / "artefacts", place / "other" / "artefacts")
    shutil.copytree(place / "catalogue", place / "other" / "catalogue")
    third = Server(place / "other", urlsplit(running.url).port or 0)
    third.process.communicate(timeout=DEADLINE)
    (free,) = re.findall(r"choose another: --port (\d+) is free \(make demo PORT=\1\)", third.errors.read_text())
    with socket.create_server(("127.0.0.1", int(free))):
        pass


def test_another_s3_is_served_and_found_by_commands(
    on_seaweed: Endpoint, buckets: Buckets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment of either calls its endpoint."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    program = [sys.executable, "-m", "tonari_tools.cli.main"]
    places = [buckets.catalogue, buckets.artefacts, "--endpoint-url", on_seaweed.url]
    errors = tmp_path / "errors"
    with (
        errors.open("wb") as file,
        subprocess.Popen([*program, "serve", *places, "--port", "0"], cwd=tmp_path, stderr=file) as server,
    ):
        eventually(lambda: server.poll() is not None or any(map(find_running, (tmp_path / ".tonari").glob("serve-*"))))
        listed = subprocess.run(
            [*program, "encoder", "list"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        server.send_signal(signal.SIGINT)
    assert f"{buckets.artefacts} has no encoder yet" in listed.stdout, (listed, errors.read_text())
    assert server.returncode == 0
    assert "Traceback" not in errors.read_text()
