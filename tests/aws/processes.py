"""A server as a child process: started, awaited, and explained when it does not come up."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from aws.child import Child, Command
from tonari_tools.serve.listener import HOST, LocalServiceError, require_free

DEADLINE = 60.0
POLL = 0.02
LOG_TAIL = 20
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Probe:
    """A server is up when ``GET path`` on this port of 127.0.0.1 gives one of the statuses."""

    port: int
    path: str
    statuses: Collection[int]

    def status(self) -> int | None:
        """Give the status now, or None where nobody answers within 2 s."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Server:
    """A child process that answers HTTP on ports of 127.0.0.1.

    Parameters
    ----------
    command
        What to run.
    probes
        How to know that it is up: all of them hold.
    grace
        Seconds from SIGTERM to SIGKILL; 0 kills at once.

    Raises
    ------
    LocalServiceError
        If the program is missing, a port is taken, or it ends or stays silent for a minute instead of answering.
    """

    def __init__(self, command: Command, *probes: Probe, grace: float = 0.0) -> None:
        for probe in probes:
            require_free(probe.port)
        self._child = Child(command, grace=grace)
        deadline = time.monotonic() + DEADLINE
        try:
            for probe in probes:
                self._wait(command, probe, deadline)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._child.exit_code is None

    def release(self) -> None:
        """Tell it to end, without waiting for that."""
        self._child.release()

    def stop(self) -> None:
        """Tell it to end and wait until it has."""
        self._child.stop()

    def _wait(self, command: Command, probe: Probe, deadline: float) -> None:
        while True:
            status, code = probe.status(), self._child.exit_code
            if status in probe.statuses and code is None:
                return
            if code is None and time.monotonic() < deadline:
                time.sleep(POLL)
                continue
            what = f"ended with exit code {code}" if code is not None else f"gave no answer within {DEADLINE:.0f} s"
            last = "\n".join(command.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:])
            raise LocalServiceError(
                f"{command.arguments[0]} {what} (port {probe.port}, last status {status}). "
                f"End of {command.log}:\n{last}"
            )


def plain_environment() -> dict[str, str]:
    """Give what any program needs of this process's environment: no credentials, no Python settings."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def free_ports(count: int) -> list[int]:
    """Give different ports of 127.0.0.1 on which nobody listens now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]
