"""Flags, environment and the running demo -> what a command talks to."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from tonari_tools.cli.target import Target, choose
from tonari_tools.serve.running import find_running

STATE = Path(".tonari")


def target_of(arguments: Namespace) -> Target:
    """Choose the target, and point this process's AWS environment at it."""
    flags = ("url", "endpoint", "catalogue", "artefacts")
    given = Target(**{flag: getattr(arguments, flag, None) or "" for flag in flags})
    target, additions = choose(given, os.environ, _running())
    os.environ.update(additions)
    return target


def _running() -> Target | None:
    """Find a demo: that of the drawn shop, else one over somebody's folder, whose state lies one level deeper."""
    for folder in (STATE, *sorted(path for path in STATE.glob("*") if path.is_dir())):
        if found := find_running(folder):
            return Target(found.url, found.endpoint, found.catalogue, found.artefacts)
    return None
