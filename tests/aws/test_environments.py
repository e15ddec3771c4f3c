"""What Lambda's own runtime client and its emulator answer, refuse and report."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from aws import environments
from aws.environments import Environment
from aws.functions import (
    MAX_REQUEST,
    MAX_RESPONSE,
    Function,
    FunctionError,
    FunctionTimeoutError,
    find_emulator,
)
from aws.pool import Pool
from aws.processes import free_ports
from tonari.errors import TooLargeError
from tonari_tools.serve.listener import HOST

HANDLER = """
import decimal, logging, os, time

def handler(event, context):
    print("printed to stdout")
    logging.getLogger().warning("logged")
    kind = event["do"]
    if kind == "raise":
        raise LookupError("no such shoe: 靴 é")
    if kind == "exit":
        os._exit(3)
    if kind == "sleep":
        time.sleep(event["seconds"])
    if kind == "set":
        return {1, 2}
    if kind == "long":
        return "é" * event["letters"]
    if kind == "decimal":
        return {"price": decimal.Decimal("19.9")}
    if kind == "process":
        return {"pid": os.getpid()}
    if kind == "context":
        left = context.get_remaining_time_in_millis()
        return {"left": 0 < left <= 2000, "id": len(context.aws_request_id), "name": context.function_name,
                "memory": context.memory_limit_in_mb, "folder": os.getcwd(), "mine": os.environ["MINE"],
                "leaked": os.environ.get("LEAKED"), "version": context.function_version}
    return event
"""
ANSWERED = [
    pytest.param({"do": "echo", "text": '靴 é \U0001f45f \\ " \n'}, id="unicode"),
    pytest.param(
        {"do": "echo", "body": base64.b64encode(bytes(range(256))).decode(), "n": [1.5, None, True]}, id="base64"
    ),
    pytest.param({"do": "echo", "body": "x" * (MAX_REQUEST - 100)}, id="big"),
    pytest.param({"do": "decimal"}, id="decimal"),
    pytest.param({"do": "context"}, id="context"),
]
REFUSED = [
    pytest.param({"do": "raise"}, "LookupError", "no such shoe: 靴 é", id="raises"),
    pytest.param({}, "KeyError", "'do'", id="raises early"),
    pytest.param({"do": "set"}, "Runtime.MarshalError", "Object of type set", id="not JSON"),
    pytest.param({"do": "exit"}, "Runtime.ExitError", "exit status 3", id="exits"),
    pytest.param(
        {"do": "long", "letters": MAX_RESPONSE // 2}, "Function.ResponseSizeTooLarge", str(MAX_RESPONSE), id="long"
    ),
]


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Function:
    folder = tmp_path_factory.mktemp("function")
    (folder / "handler.py").write_text(HANDLER, encoding="utf-8")
    return Function("echo", folder, {"MINE": "yes"}, folder / "log", timeout=2)


@pytest.fixture(scope="module")
def make(function: Function) -> Callable[[], Environment]:
    emulator = find_emulator()
    return lambda: Environment(function, emulator)


@pytest.fixture(scope="module")
def pool(make: Callable[[], Environment]) -> Iterator[Pool]:
    with Pool(make, size=2) as pool:
        yield pool


@pytest.mark.parametrize("event", ANSWERED)
def test_events_are_answered_alike_each_time(pool: Pool, event: dict[str, object]):
    answers = [json.loads(pool.invoke(json.dumps(event).encode())) for _ in range(2)]
    assert answers[0] == answers[1]
    if event["do"] == "echo":
        assert answers[0] == event


@pytest.mark.parametrize("place", [0, 1])
def test_a_port_that_somebody_takes_meanwhile_is_no_matter(
    make: Callable[[], Environment], place: int, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server((HOST, 0)) as other:
        ports = free_ports(2)
        ports[place] = other.getsockname()[1]
        given = [ports]
        monkeypatch.setattr(environments, "free_ports", lambda count: given.pop() if given else free_ports(count))
        with Pool(make, size=1) as pool:
            assert json.loads(pool.invoke(b'{"do": "echo"}')) == {"do": "echo"}
    assert not given


def test_the_context_is_told_and_nothing_leaks(
    make: Callable[[], Environment], function: Function, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LEAKED", "yes")
    with Pool(make, size=1) as pool:
        answer = pool.invoke(b'{"do": "context"}')
    assert json.loads(answer) == {
        "left": True,
        "id": 36,
        "name": "echo",
        "memory": "1769",
        "folder": str(function.folder),
        "mine": "yes",
        "leaked": None,
        "version": "$LATEST",
    }


@pytest.mark.parametrize(("event", "kind", "message"), REFUSED)
def test_an_error_is_reported_and_the_next_event_is_served(
    pool: Pool, event: dict[str, object], kind: str, message: str
):
    with pytest.raises(FunctionError) as caught:
        pool.invoke(json.dumps(event).encode())
    assert caught.value.kind == kind
    assert message in caught.value.message
    reported = json.loads(caught.value.payload)
    assert (reported["errorType"], reported["errorMessage"]) == (kind, caught.value.message)
    assert json.loads(pool.invoke(b'{"do": "echo"}')) == {"do": "echo"}


def test_bytes_that_are_not_json_are_an_error(pool: Pool):
    with pytest.raises(FunctionError, match=r"Runtime\.UnmarshalError"):
        pool.invoke(b"{")


def test_too_large_an_event_is_refused(pool: Pool):
    with pytest.raises(TooLargeError, match=f"{MAX_REQUEST} bytes; this event has {MAX_REQUEST + 1}"):
        pool.invoke(b" " * (MAX_REQUEST + 1))


def test_a_timeout_ends_the_invocation_and_the_next_event_is_served(pool: Pool):
    with pytest.raises(FunctionTimeoutError, match=r"Task timed out after 2\.00 seconds"):
        pool.invoke(b'{"do": "sleep", "seconds": 60}')
    assert json.loads(pool.invoke(b'{"do": "echo"}')) == {"do": "echo"}


def test_output_goes_to_the_log(make: Callable[[], Environment], function: Function):
    function.log.write_bytes(b"")
    with Pool(make, size=1) as pool:
        pool.invoke(b'{"do": "echo"}')
    written = function.log.read_text()
    assert "printed to stdout" in written
    assert "logged" in written


def test_invocations_at_a_time_have_processes_of_their_own(pool: Pool):
    def pid(_: int) -> int:
        pool.invoke(b'{"do": "sleep", "seconds": 0.1}')
        return int(json.loads(pool.invoke(b'{"do": "process"}'))["pid"])

    with ThreadPoolExecutor(6) as threads:
        pids = set(threads.map(pid, range(12)))
    assert len(pids) == 2


def test_closing_ends_invocations_at_work(make: Callable[[], Environment]):
    pool = Pool(make, size=2)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            pool.invoke(b'{"do": "sleep", "seconds": 1.9}')
        except FunctionError as error:
            caught.append(error)

    pool.invoke(b'{"do": "echo"}')
    thread = threading.Thread(target=work)
    thread.start()
    while pool.idle:
        pass
    pool.close()
    thread.join()
    assert len(caught) == 1
    with pytest.raises(FunctionError, match="shut down"):
        pool.invoke(b"{}")
