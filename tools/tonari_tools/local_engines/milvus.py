"""Milvus standalone, from a package of PyPI that holds the server with its own etcd and message queue."""

from __future__ import annotations

import lzma
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tonari.contract.database import Access
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port

VENV = Path(sys.prefix, "milvus")
APART = Path(__file__).with_name("apart.py")
PORT = 19530
OK, NOT_LOADED = 200, 101
RECOVERED = 30.0
"""Seconds in which a server that was started again has in memory what it had there before."""
PLACEHOLDER = re.compile(r"\{\{ *(\w+)(?:\(\w+\))?(?:: *([^}]*?))? *\}\}")
"""What the package's configuration leaves open: ``{{ name(type): default }}``."""
LEASE = re.compile(r"(\n  session:\n    ttl: )\d+")
LEASE_SECONDS = 5
"""A server that was killed serves again only when the lease of the former one has run out; by itself that is 30 s."""


def start(folder: Path) -> Running:
    """Start Milvus 2.3.5 on a free port of 127.0.0.1; what it keeps lies in ``folder``.

    It runs in a network of its own, which takes root or a kernel that allows user namespaces: by itself it listens on
    nine ports of every address.

    Raises
    ------
    LocalEngineError
        If it is not installed, or does not answer within a minute.
    """
    binaries, data = _installed()
    folder = folder.resolve()
    settings = folder / "configs"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "milvus.yaml").write_text(_configuration(data / "config.yaml.template", folder))
    shutil.copy(data / "glog.conf", settings)  # without it the server ends without a word
    port = free_port()
    environment = {
        "DEPLOY_MODE": "STANDALONE",
        "MILVUS_RUN_DIR": str(folder / "run"),
        "MILVUSCONF": str(settings),
        "LD_LIBRARY_PATH": str(binaries),
    }
    arguments = [sys.executable, str(APART), str(port), str(PORT), str(binaries / "milvus"), "run", "standalone"]

    url = f"http://{HOST}:{port}"
    program = Program("Milvus", arguments, folder, _Readiness(f"{url}/v1/vector/").answers, environment)
    return Running(Access(url), program)


@dataclass
class _Readiness:
    """Tells whether a server answers, and has in memory what it had there before it was started again.

    A collection that was left half made never comes into memory: after a while nobody waits for it.

    Parameters
    ----------
    url
        Of its HTTP interface for vectors.
    """

    url: str
    _since: float | None = None

    def answers(self) -> bool:
        """Ask it."""
        listed = self._ask("collections")
        if listed.get("code") != OK:
            self._since = None
            return False
        if self._since is None:
            self._since = time.monotonic()
        if time.monotonic() > self._since + RECOVERED:
            return True
        asked = ({"collectionName": one, "filter": 'key == ""', "outputFields": ["key"]} for one in listed["data"])
        return all(self._ask("query", one).get("code") != NOT_LOADED for one in asked)

    def _ask(self, what: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
        method = "GET" if question is None else "POST"
        try:
            said = urllib3.request(method, f"{self.url}{what}", json=question, retries=False, timeout=5).json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise OSError from error
        return dict(said)


def _installed() -> tuple[Path, Path]:
    """Find the server's programs, unpacked once, and the folder of its configuration."""
    data = next(VENV.glob("lib/python3.*/site-packages/milvus/data"), None)
    if data is None:
        raise LocalEngineError(f"Milvus is not installed in {VENV}. Run: make .venv/.milvus")
    unpacked = VENV / "server"
    if not unpacked.is_dir():
        part = Path(tempfile.mkdtemp(dir=VENV))
        for packed in (data / "bin").glob("*.lzma"):
            with lzma.open(packed) as source, (part / packed.stem).open("wb") as sink:
                shutil.copyfileobj(source, sink)
            (part / packed.stem).chmod(0o755)
        try:
            part.rename(unpacked)
        except OSError:  # another process was faster
            shutil.rmtree(part)
    return unpacked, data


def _configuration(template: Path, folder: Path) -> str:
    """Fill in where data lie, and keep every port's default: the network is its own."""
    chosen = {
        "etcd_data_dir": folder / "etcd",
        "local_storage_dir": folder / "data",
        "rocksmq_data_dir": folder / "rocksmq",
        "system_log_path": "",
        "etcd_log_level": "error",
    }
    filled = PLACEHOLDER.sub(lambda found: str(chosen.get(found[1], found[2] or "")), template.read_text())
    return LEASE.sub(rf"\g<1>{LEASE_SECONDS}", filled)
