"""Execution environments: one process each, one invocation at a time, as on Lambda."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import sys
import time
import uuid
from pathlib import Path
from typing import Protocol

from tonari_tools.serve.child import Child
from tonari_tools.serve.functions import (
    HANDLER,
    Function,
    FunctionError,
    FunctionTimeoutError,
    check_request,
    check_response,
    failure,
)
from tonari_tools.serve.server import HOST, LocalServiceError, Probe, Server, free_ports
from tonari_tools.serve.worker import ANSWER, LENGTH, exactly, receive

INVOKE_PATH = "/2015-03-31/functions/function/invocations"
RIE_SLACK = 5.0
STARTS = 3
"""How often an environment is started before that is given up: somebody may take its ports before it does."""
REPORTED = frozenset({"errorMessage", "errorType", "stackTrace"})
TIMED_OUT = re.compile(rb"Task timed out after [\d.]+ seconds")


class Environment(Protocol):
    """One execution environment. Not for two threads at once."""

    @property
    def alive(self) -> bool:
        """Whether it can take another event."""

    def invoke(self, event: bytes) -> bytes:
        """Give the handler's answer to a JSON event, as JSON.

        Raises
        ------
        TooLargeError
            If the event has more than 6 MB.
        FunctionTimeoutError
            If the function's timeout passes.
        FunctionError
            If the handler raises, answers more than 6 MB or what JSON cannot hold, or its process ends.
        """

    def release(self) -> None:
        """Tell it to end, without waiting for that."""

    def stop(self) -> None:
        """Tell it to end and wait until it has."""


class EmulatedEnvironment:
    """Lambda's runtime interface emulator over its own runtime client, awslambdaric.

    The emulator restarts a runtime that ends or is timed out, and it gives errors the status 200: an answer is taken
    for an error when it has the members ``errorMessage``, ``errorType`` and ``stackTrace``.

    Parameters
    ----------
    function
        What to run.
    emulator
        The program, of this machine's architecture.
    """

    def __init__(self, function: Function, emulator: Path) -> None:
        self._timeout = function.timeout
        for _ in range(STARTS - 1):
            with contextlib.suppress(LocalServiceError):
                self._start(function, emulator)
                return
        self._start(function, emulator)

    def _start(self, function: Function, emulator: Path) -> None:
        self._port, runtime = free_ports(2)
        command = function.command(
            str(emulator),
            *("--log-level", "error"),
            *("--runtime-interface-emulator-address", f"{HOST}:{self._port}"),
            *("--runtime-api-address", f"{HOST}:{runtime}"),
            *(sys.executable, "-m", "awslambdaric", HANDLER),
        )
        self._server = Server(command, Probe(self._port, "/", (404,)))

    @property
    def alive(self) -> bool:
        """See :class:`Environment`."""
        return self._server.alive

    def invoke(self, event: bytes) -> bytes:
        """See :class:`Environment`."""
        check_request(event)
        connection = http.client.HTTPConnection(HOST, self._port, timeout=self._timeout + RIE_SLACK)
        try:
            connection.request("POST", INVOKE_PATH, body=event)
            response = connection.getresponse()
            payload = response.read()
        except TimeoutError as error:
            self.release()
            raise FunctionTimeoutError(self._timeout) from error
        except (OSError, http.client.HTTPException) as error:
            self.release()
            raise FunctionError("Runtime.ExitError", f"The environment ended: {error!r}") from error
        finally:
            connection.close()
        if TIMED_OUT.fullmatch(payload):
            raise FunctionTimeoutError(self._timeout)
        if response.status != http.HTTPStatus.OK or _reports_error(payload):
            raise failure(payload)
        return check_response(payload)

    def release(self) -> None:
        """See :class:`Environment`."""
        self._server.release()

    def stop(self) -> None:
        """See :class:`Environment`."""
        self._server.stop()


class ProcessEnvironment:
    """A plain Python process (see :mod:`tonari_tools.serve.worker`), for systems without the emulator.

    Parameters
    ----------
    function
        What to run.
    """

    def __init__(self, function: Function) -> None:
        self._timeout = function.timeout
        self._channel, theirs = socket.socketpair()
        with theirs:
            command = function.command(sys.executable, "-m", "tonari_tools.serve.worker", HANDLER)
            self._child = Child(command, stdin=theirs.fileno())

    @property
    def alive(self) -> bool:
        """See :class:`Environment`."""
        return self._channel.fileno() >= 0 and self._child.exit_code is None

    def invoke(self, event: bytes) -> bytes:
        """See :class:`Environment`."""
        check_request(event)
        request = str(uuid.uuid4())
        head = json.dumps({"id": request, "deadline": time.time() + self._timeout}).encode()
        try:
            self._channel.settimeout(self._timeout)
            for part in (head, event):
                self._channel.sendall(LENGTH.pack(len(part)) + part)
            kind, payload = exactly(self._channel, 1), receive(self._channel)
        except TimeoutError as error:
            self.release()
            raise FunctionTimeoutError(self._timeout) from error
        except OSError:
            kind = payload = None
        if kind is None or payload is None:
            self.stop()
            message = f"RequestId: {request} Error: Runtime exited with error: exit status {self._child.exit_code}"
            raise FunctionError("Runtime.ExitError", message)
        if kind != ANSWER:
            raise failure(payload)
        return check_response(payload)

    def release(self) -> None:
        """See :class:`Environment`."""
        self._child.release()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()

    def stop(self) -> None:
        """See :class:`Environment`."""
        self.release()
        self._child.stop()


def _reports_error(payload: bytes) -> bool:
    if b'"errorMessage"' not in payload:
        return False
    document = json.loads(payload)
    return isinstance(document, dict) and document.keys() >= REPORTED
