"""A process that has imported everything and forks workers, each in a few milliseconds."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Self

import boto3

from aws.processes import plain_environment
from aws.services import Endpoint
from living.worker import Machine, Settings
from tonari.storage.s3 import CONFIG

PATIENCE = 60.0


class Worker:
    """A process that does one thing after the other, and can be stopped and killed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.pid: int = connection.recv()

    def send(self, what: str, **arguments: Any) -> None:
        """Tell it to do something: see :class:`living.worker.Machine`."""
        self._connection.send((what, arguments))

    def receive(self, seconds: float = PATIENCE) -> Any:
        """Give what it says next.

        Raises
        ------
        EOFError
            If it is dead.
        TimeoutError
        """
        if not self._connection.poll(seconds):
            raise TimeoutError(f"process {self.pid} has said nothing for {seconds:.0f} s")
        try:
            return self._connection.recv()
        except ConnectionResetError as error:
            raise EOFError from error

    def speaks(self, seconds: float) -> bool:
        """Wait for a word of it, or its death."""
        return self._connection.poll(seconds)

    def ask(self, what: str, **arguments: Any) -> Any:
        """Tell it to do something, and give what came of it."""
        self.send(what, **arguments)
        return self.receive()

    def go_on(self) -> None:
        """Let it go on, which holds."""
        self._connection.send(None)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> list[Any]:
        """Kill it with SIGKILL; give what it still said."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        said = []
        try:
            while True:
                said.append(self.receive())
        except EOFError:
            self._connection.close()
            return said

    def leave(self) -> None:
        """Let it end by itself."""
        self._connection.close()


class Zygote:
    """Forks workers whose AWS SDK speaks to an endpoint."""

    def __init__(self, endpoint: Endpoint, folder: Path) -> None:
        self._control, theirs = socket.socketpair()
        environment = {
            **plain_environment(),
            **endpoint.environment(),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OPENBLAS_NUM_THREADS": "1",
        }
        with theirs, (folder / "zygote.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "living.zygote", str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait(PATIENCE)

    def fork(self, settings: Settings) -> Worker:
        """Make a worker."""
        ours, theirs = Pipe()
        socket.send_fds(self._control, [b"f"], [theirs.fileno()])
        theirs.close()
        ours.send(settings)
        return Worker(ours)


def _serve(control: socket.socket) -> None:
    client = boto3.client("s3", config=CONFIG)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, descriptors, *_ = socket.recv_fds(control, 1, 1)
        if not asked:
            return
        if os.fork() == 0:
            control.close()
            try:
                connection = Connection(descriptors[0])
                connection.send(os.getpid())
                Machine(connection.recv(), client, connection).serve()
            finally:
                os._exit(0)
        os.close(descriptors[0])


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
