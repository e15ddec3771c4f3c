"""Execution environments: one process each, one invocation at a time, as on Lambda."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import sys
from pathlib import Path

from aws.functions import (
    HANDLER,
    Function,
    FunctionError,
    FunctionTimeoutError,
    check_request,
    check_response,
    failure,
)
from aws.processes import Probe, Server, free_ports
from tonari_tools.serve.listener import HOST, LocalServiceError

INVOKE_PATH = "/2015-03-31/functions/function/invocations"
RUNTIME_PATH = "/2018-06-01/ping"
RIE_SLACK = 5.0
STARTS = 3
"""How often an environment is started before that is given up: somebody may take its ports before it does."""
REPORTED = frozenset({"errorMessage", "errorType", "stackTrace"})
TIMED_OUT = re.compile(rb"Task timed out after [\d.]+ seconds")


class Environment:
    """One execution environment: Lambda's runtime interface emulator over its own runtime client, awslambdaric.

    Not for two threads at once.

    The emulator listens on a port for events and on one for its runtime, in any order; it ends if it cannot have both.
    It restarts a runtime that ends or is timed out, and it gives errors the status 200: an answer is taken
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
        self._server = Server(command, Probe(runtime, RUNTIME_PATH, (200,)), Probe(self._port, "/", (404,)))

    @property
    def alive(self) -> bool:
        """Whether it can take another event."""
        return self._server.alive

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
        """Tell it to end, without waiting for that."""
        self._server.release()

    def stop(self) -> None:
        """Tell it to end and wait until it has."""
        self._server.stop()


def _reports_error(payload: bytes) -> bool:
    if b'"errorMessage"' not in payload:
        return False
    document = json.loads(payload)
    return isinstance(document, dict) and document.keys() >= REPORTED
