"""Child processes that cannot outlive this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

GUARD = Path(__file__).with_name("guard.py")
SLACK = 2.0


@dataclass(frozen=True, slots=True)
class Command:
    """What to run.

    Parameters
    ----------
    arguments
        Program and arguments; the program is looked up on ``PATH``.
    environment
        All of the environment; nothing is inherited.
    folder
        The working directory.
    log
        File to which the output is appended.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path


class Child:
    """A command under a guard (see :mod:`aws.guard`), in a session of its own: Ctrl-C does not reach it.

    Parameters
    ----------
    command
        What to run.
    stdin
        Descriptor that becomes its standard input; None for an empty one.
    grace
        Seconds between SIGTERM and SIGKILL; 0 kills at once.
    """

    def __init__(self, command: Command, *, stdin: int | None = None, grace: float = 0.0) -> None:
        self._grace = grace
        read, write = os.pipe()
        self._alive = os.fdopen(write, "wb", buffering=0)
        try:
            with command.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(GUARD), str(read), str(grace), *command.arguments],
                    env=dict(command.environment),
                    cwd=command.folder,
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=log,
                    stderr=log,
                    pass_fds=(read,),
                    start_new_session=True,
                )
        except BaseException:
            self._alive.close()
            raise
        finally:
            os.close(read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """Its exit code (256 less the signal's number if it was killed), or None while it runs."""
        return self._process.poll()

    def release(self) -> None:
        """Tell it to end, without waiting for that. Any thread may, any number of times."""
        self._alive.close()

    def stop(self) -> None:
        """Tell it to end and wait until it has."""
        self.release()
        try:
            self._process.wait(self._grace + SLACK)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
