"""One node of OpenSearch or Elasticsearch on this machine, without security, for tests and demonstrations."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import urllib3

from tonari.contract.database import Access
from tonari_tools.local_engines.running import HOST, LocalEngineError, Program, Running, free_port

NOBODY = 65534
PATIENCE = 300.0
OK = 200
JVM = "-XX:+UseG1GC\n-Djava.io.tmpdir=${%s}\n"


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a node is started from a distribution.

    Parameters
    ----------
    name
        For messages.
    kind
        Name of its program, its settings file and its make target.
    variables
        What its variables in the environment begin with.
    java
        The oldest and the newest Java it runs on.
    settings, options
        Beside those that both engines take: of the node, and of Java.
    """

    name: str
    kind: str
    variables: str
    java: tuple[int, int]
    settings: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def start(self, folder: Path) -> Running:
        """Start a node on free ports of 127.0.0.1; what it keeps lies in ``folder``.

        Neither engine runs as root: root starts it as the user of id 65534, who is given the folder, and may then pass
        through the folders above it.

        Raises
        ------
        LocalEngineError
            If it is not installed, there is no Java for it, or it does not answer within five minutes.
        """
        home = Path(sys.prefix, self.kind, "home")
        if not (home / "bin" / self.kind).exists():
            raise LocalEngineError(f"{self.name} is not installed in {sys.prefix}. Run: make .venv/.{self.kind}")
        java = java_home(self.name, *self.java)
        folder = folder.resolve()
        port = free_port()
        self._write_settings(folder, home, port)
        user = NOBODY if os.geteuid() == 0 else None
        if user is not None:
            _give(folder, user)
        environment = {
            "HOME": str(folder),
            f"{self.variables}_PATH_CONF": str(folder / "config"),
            f"{self.variables}_JAVA_HOME": str(java),
            f"{self.variables}_JAVA_OPTS": "-Xms512m -Xmx1g",
            f"{self.variables}_TMPDIR": str(folder / "temporary"),
        }
        url = f"http://{HOST}:{port}"

        def answers() -> bool:
            try:
                asked = f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s"
                return urllib3.request("GET", asked, retries=False, timeout=5).status == OK
            except urllib3.exceptions.HTTPError as error:
                raise OSError from error

        program = Program(
            self.name, [str(home / "bin" / self.kind)], folder, answers, environment, user=user, patience=PATIENCE
        )
        return Running(Access(url), program)

    def _write_settings(self, folder: Path, home: Path, port: int) -> None:
        config = folder / "config"
        for one in (config / "jvm.options.d", folder / "data", folder / "logs", folder / "temporary"):
            one.mkdir(parents=True, exist_ok=True)
        shutil.copy(home / "config" / "log4j2.properties", config)
        (config / "jvm.options").write_text(JVM % f"{self.variables}_TMPDIR" + "".join(f"{o}\n" for o in self.options))
        settings = (
            "cluster.name: tonari",
            "node.name: one",
            "discovery.type: single-node",
            f"network.host: {HOST}",
            f"http.port: {port}",
            f"transport.port: {free_port()}",
            f"path.data: {folder / 'data'}",
            f"path.logs: {folder / 'logs'}",
            "cluster.routing.allocation.disk.threshold_enabled: false",
            *self.settings,
        )
        (config / f"{self.kind}.yml").write_text("".join(f"{one}\n" for one in settings))


def java_home(name: str, oldest: int, newest: int) -> Path:
    """Find the oldest Java here that an engine runs on.

    Raises
    ------
    LocalEngineError
        If there is none.
    """
    program = shutil.which("java")
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    homes += [Path(program).resolve().parent.parent] if program else []
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    fitting = {
        home: version
        for home in homes
        if (home / "release").exists() and oldest <= (version := _version((home / "release").read_text())) <= newest
    }
    if not fitting:
        raise LocalEngineError(f"{name} needs Java {oldest} to {newest}, and there is none here: install one.")
    return min(fitting, key=lambda home: fitting[home])


def _version(release: str) -> int:
    found = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    return int(found.group(1)) if found else 0


def _give(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)
    for above in folder.parents:
        mode = above.stat().st_mode
        if not mode & 0o001:
            above.chmod(mode | 0o001)
