"""Run a command and end it, with all that it started, as soon as the process that asked for it is gone.

``python -I -S guard.py FD GRACE COMMAND...``: ``FD`` is the read end of a pipe whose write end the parent alone holds,
so that end of file means that the parent let go or died, by whatever signal. The command, in a process group of its
own, then gets SIGTERM and ``GRACE`` seconds later SIGKILL. Linux's ``PR_SET_PDEATHSIG`` is not used: it fires when the
*thread* that spawned ends, spares grandchildren, and other systems lack it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time


def main(arguments: list[str]) -> int:
    """Run the command; give its exit code."""
    alive, grace, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    os.set_inheritable(alive, False)
    try:
        child = os.posix_spawnp(command[0], command, os.environ, setpgroup=0)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    threading.Thread(target=_end_with_parent, args=(alive, child, grace), daemon=True).start()
    _, status = os.waitpid(child, 0)
    _signal(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status) % 256


def _end_with_parent(alive: int, group: int, grace: float) -> None:
    os.read(alive, 1)
    if grace > 0:
        _signal(group, signal.SIGTERM)
        time.sleep(grace)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
