"""Two servers as one: a database that is asked, and another that it needs."""

from __future__ import annotations

from tonari.contract.database import Access
from tonari_tools.local_engines.running import Program, Running


class Beside(Running):
    """What befalls one of two servers befalls both.

    Parameters
    ----------
    beside
        The other one, which runs already.
    access
        How both are reached.
    program
        How this one is started.
    """

    def __init__(self, beside: Running, access: Access, program: Program) -> None:
        self._beside = beside
        super().__init__(access, program)

    @property
    def pids(self) -> tuple[int, ...]:
        """Ids of both processes."""
        return (*super().pids, *self._beside.pids)

    def kill(self) -> None:
        """End both at once."""
        self._beside.kill()
        super().kill()

    def restart(self) -> None:
        """Start both again."""
        super().restart()  # which kills both first
        self._beside.restart()

    def stop(self) -> None:
        """Ask both to end."""
        self._beside.stop()
        super().stop()
