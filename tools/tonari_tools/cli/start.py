"""Where the program ``tonari`` begins: Ctrl-C ends it without a word, also while its modules are being loaded.

Alone in a module as nothing else may be loaded before.
"""

from __future__ import annotations

import signal

INTERRUPTED = 130


def run() -> int:
    """Run the command line.

    Returns
    -------
    The exit status, as of :func:`tonari_tools.cli.main.main`.
    """
    interrupts: list[int] = []

    def interrupt(number: int, _: object) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # in the background it may be ignored
        signal.signal(signal.SIGINT, interrupt)
    try:
        from tonari_tools.cli.main import main

        return main()
    except (KeyboardInterrupt, ImportError):  # a library that is interrupted while it is loaded says it was not found
        if interrupts:
            return INTERRUPTED
        raise
