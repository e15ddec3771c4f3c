"""A database's server as a child process: started, awaited, killed and started again on the same data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tonari.contract.database import Access
from tonari.errors import TonariError

HOST = "127.0.0.1"
POLL = 0.05
PATIENCE = 60.0
LAUNCHES = 20
LOG_TAIL = 15


class LocalEngineError(TonariError):
    """A server cannot be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a server is started.

    Parameters
    ----------
    name
        For messages.
    arguments
        Program and arguments.
    folder
        Working directory, which also keeps the log, ``server.log``.
    answers
        Whether the server can be used: it is asked until it says so, and may raise OSError.
    environment
        What is added to the environment of this process.
    user
        Id of the user it runs as; None for the one who starts it.
    stop
        The signal that asks it to end.
    patience
        Seconds until it has to answer.
    """

    name: str
    arguments: Sequence[str]
    folder: Path
    answers: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    stop: signal.Signals = signal.SIGTERM
    patience: float = PATIENCE


class Running:
    """A server that answers; at the end of a ``with`` block it is stopped.

    Parameters
    ----------
    access
        How it is reached.
    program
        How it is started.

    Raises
    ------
    LocalEngineError
        If it does not answer in time; the message ends with the last lines of its log.
    """

    def __init__(self, access: Access, program: Program) -> None:
        self.access = access
        self._program = program
        self._process = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of the processes, each of which leads a group of its own."""
        return (self._process.pid,)

    def kill(self) -> None:
        """End it at once, with all that it started in its group, as a loss of power would."""
        _signal(self._process, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        """Start it again on the same data and the same port; one that still runs is killed first."""
        self.kill()
        self._process = self._started()

    def stop(self) -> None:
        """Ask it to end, and kill it if it has not in ten seconds."""
        _signal(self._process, self._program.stop)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def _started(self) -> subprocess.Popen[bytes]:
        """Start it until it answers: a server that was killed may find what it left behind in use for a moment."""
        deadline = time.monotonic() + self._program.patience
        for _ in range(LAUNCHES):
            process = self._launched()
            try:
                if self._comes_up(process, deadline):
                    return process
            except BaseException:
                _signal(process, signal.SIGKILL)
                process.wait()
                raise
            time.sleep(POLL * 10)
        raise LocalEngineError(f"{self._program.name} ended each time. {self._end_of_log()}")

    def _comes_up(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait until a process answers, or ends."""
        while not self._answers():
            if time.monotonic() > deadline:
                raise LocalEngineError(
                    f"{self._program.name} did not answer within {self._program.patience:.0f} s. {self._end_of_log()}"
                )
            time.sleep(POLL)
            if process.poll() is not None:
                return False
        if process.poll() is not None:
            raise LocalEngineError(f"{self._program.name} ended; another program answers on its port")
        return True

    def _launched(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._program.arguments,
                cwd=self._program.folder,
                env={**os.environ, **self._program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self._program.user,
                group=self._program.user,
            )

    def _answers(self) -> bool:
        try:
            return self._program.answers()
        except OSError:
            return False

    @property
    def _log(self) -> Path:
        return self._program.folder / "server.log"

    def _end_of_log(self) -> str:
        last = "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
        return f"Its log, {self._log}, ends so:\n{last}"


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process and to all that it started in its group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def free_port() -> int:
    """Find a port of 127.0.0.1 where nobody listens."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Tell whether somebody accepts connections on a port of 127.0.0.1; OSError if not."""
    with socket.create_connection((HOST, port), timeout=2):
        return True
