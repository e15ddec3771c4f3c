"""The whole composition in a process of its own: it serves, carries events, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from integration.tools.small import write_handlers
from tonari_tools.serve.running import Running, find_running
from tonari_tools.serve.services import Endpoint

DEADLINE = 60
DEMO = """
import sys
from pathlib import Path
import boto3
from tonari_tools.serve.demo import DemoSettings, demo

def prepare(catalogue, artefacts):
    s3 = boto3.client("s3")
    first = not s3.list_objects_v2(Bucket=catalogue).get("Contents")
    if first:
        s3.put_object(Bucket=catalogue, Key="items/seeded.json", Body=b"{}")
    return first

root = Path(sys.argv[1])
port = int(sys.argv[2])
demo(DemoSettings(root / "state", root / "functions", prepare, lambda line: print("SHOWN", line), port=port))
"""
ELSEWHERE = {
    "AWS_PROFILE": "nobody",
    "AWS_SESSION_TOKEN": "somebody",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}


class Demo:
    """A demo in a process of its own."""

    def __init__(self, root: Path, port: int = 0) -> None:
        if not (root / "functions").exists():
            write_handlers(root / "functions")
        self.state = root / "state"
        command = [sys.executable, "-c", DEMO, str(root), str(port)]
        environment = os.environ | ELSEWHERE
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
        )

    def wait(self) -> Running:
        def up() -> Running | None:
            assert self.process.poll() is None, self.process.communicate()
            return find_running(self.state)

        return eventually(up)

    def end(self, number: signal.Signals) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.process.communicate(timeout=DEADLINE)


def eventually(ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return answer


def family(root: int) -> dict[int, str]:
    """All descendants of a process, by pid, with their command lines."""
    parents, commands = {}, {}
    listed = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        pid, parent, command = line.split(None, 2)
        parents[int(pid)], commands[int(pid)] = int(parent), command
    found: dict[int, str] = {}
    grown = {root}
    while grown:
        grown = {pid for pid, parent in parents.items() if parent in grown}
        found |= {pid: commands[pid] for pid in grown}
    return {pid: command for pid, command in found.items() if not command.startswith("ps ")}


def survivors(pids: dict[int, str]) -> dict[int, str]:
    """Those of the processes that still run under the same command line."""
    listed = subprocess.run(["ps", "-wweo", "pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    now = {}
    for line in listed.splitlines():
        pid, state, command = line.split(None, 2)
        if not state.startswith("Z"):
            now[int(pid)] = command
    return {pid: command for pid, command in pids.items() if now.get(pid) == command}


def ask(running: Running, path: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=DEADLINE)
    connection.request("GET", path)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def start(port: int = 0) -> Demo:
        started.append(Demo(tmp_path, port))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.end(signal.SIGKILL)


def s3_of(running: Running) -> Any:
    endpoint = Endpoint(running.endpoint, "test", "test")
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
    )


def test_changes_travel_and_a_second_start_finds_everything(demos: Callable[..., Demo]):
    first = demos()
    running = first.wait()
    assert len([key for key in ask(running, "/")["keys"] if key.startswith("rebuilt/")]) == 1
    assert "seen/items/seeded.json" not in ask(running, "/")["keys"]

    s3 = s3_of(running)
    for key in ("images/7/front é.jpg", "items/poison.json", "other/x"):
        s3.put_object(Bucket=running.catalogue, Key=key, Body=b"x")
    eventually(lambda: "seen/images/7/front é.jpg" in ask(running, "/")["keys"])
    s3.delete_object(Bucket=running.catalogue, Key="items/seeded.json")
    eventually(lambda: "seen/items/seeded.json" in ask(running, "/")["keys"])
    assert not [key for key in ask(running, "/")["keys"] if "poison" in key or "other" in key]

    ask(running, "/rebuild")
    eventually(lambda: len([key for key in ask(running, "/")["keys"] if key.startswith("rebuilt/")]) == 2)
    output, errors = first.end(signal.SIGINT)
    assert first.process.returncode == 0
    assert find_running(first.state) is None
    assert [line for line in output.splitlines() if line.startswith("SHOWN")] == [
        'SHOWN {"stage": "encode", "done": 1, "of": 2}'
    ]
    assert "Ready in" in output
    assert "GET / 200" in errors
    assert "Traceback" not in errors

    second = demos()
    running = second.wait()
    keys = ask(running, "/")["keys"]
    assert "seen/images/7/front é.jpg" in keys
    assert len([key for key in keys if key.startswith("rebuilt/")]) == 2
    s3_of(running).put_object(Bucket=running.artefacts, Key="snapshots/s/manifest.json", Body=b'{"format": 0}')
    second.end(signal.SIGTERM)

    third = demos()
    keys = ask(third.wait(), "/")["keys"]
    assert len([key for key in keys if key.startswith("rebuilt/")]) == 3, "what another version built is built again"
    third.end(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(demos: Callable[..., Demo], number: signal.Signals):
    demo = demos()
    running = demo.wait()
    ask(running, "/")
    pids = family(demo.process.pid)
    assert any("ministack" in command for command in pids.values())
    assert len([command for command in pids.values() if "awslambdaric" in command or "worker" in command]) >= 2
    _, errors = demo.end(number)
    eventually(lambda: not survivors(pids))
    assert "Traceback" not in errors
    assert find_running(demo.state) is None


def test_an_end_during_the_start_leaves_nothing_behind(demos: Callable[..., Demo]):
    demo = demos()
    pids = eventually(lambda: family(demo.process.pid))
    demo.end(signal.SIGTERM)
    eventually(lambda: not survivors(pids))


def test_a_taken_port_and_a_second_demo_are_refused(demos: Callable[..., Demo]):
    demo = demos()
    running = demo.wait()
    second = demos()
    assert f"running at {running.url}" in second.process.communicate(timeout=DEADLINE)[1]
    (demo.state / "running.json").unlink()
    third = demos(urlsplit(running.url).port)
    assert "choose another" in third.process.communicate(timeout=DEADLINE)[1]
    demo.end(signal.SIGTERM)
