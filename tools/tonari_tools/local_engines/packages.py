"""Search engines from packages of Maven Central: fetched by Maven, checked, and laid out as they are started.

The packages are those that their makers publish for the tests of plug-ins: without native code, and with few modules.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tonari_tools.local_engines.running import LocalEngineError

DESCRIPTOR = """\
description={name}
version={version}
name={name}
classname={main}
java.version=11
opensearch.version={version}
custom.foldername=
extended.plugins={extended}
has.native.controller=false
"""
PAINLESS_RIGHTS = """\
grant {
  permission java.lang.RuntimePermission "createClassLoader";
  permission java.lang.RuntimePermission "getClassLoader";
};
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A package, pinned.

    Parameters
    ----------
    sha256
        Of its file.
    coordinates
        Group, artefact, version and kind, joined by colons.
    """

    sha256: str
    coordinates: str

    @property
    def file(self) -> str:
        """Name of its file."""
        _, artefact, version, kind = self.coordinates.split(":")
        return f"{artefact}-{version}.{kind}"


def packages_of(lock: str) -> list[Package]:
    """Read a lock file: lines of SHA-256 and coordinates."""
    return [Package(*line.split()) for line in lock.splitlines() if line.strip()]


def fetch(package: Package, folder: Path) -> Path:
    """Fetch a package by Maven, unless it is in the folder already.

    Raises
    ------
    LocalEngineError
        If Maven is missing, cannot have it, or what comes is not what was pinned.
    """
    path = folder / package.file
    if not path.exists():
        command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={package.coordinates}",
                   f"-DoutputDirectory={folder}", "-Dmdep.useBaseVersion=true"]  # fmt: skip
        try:
            ran = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
        except FileNotFoundError as error:
            raise LocalEngineError("Maven is not installed: the program mvn fetches this engine.") from error
        if ran.returncode:
            raise LocalEngineError(f"Maven cannot fetch {package.coordinates}: {ran.stdout[-600:]}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        path.unlink()
        raise LocalEngineError(f"{package.coordinates} has SHA-256 {found}, not {package.sha256} as pinned.")
    return path


def lay_out_opensearch(files: dict[str, Path], home: Path) -> None:
    """Unpack OpenSearch, with its plug-in for k-NN and the modules that the plug-in and words need.

    Parameters
    ----------
    files
        By the names of their artefacts.
    """
    version = _unpack(files["opensearch"], home)
    with zipfile.ZipFile(files["opensearch-knn"]) as archive:
        archive.extractall(home / "plugins" / "opensearch-knn")
    modules = {
        "lang-painless": ("org.opensearch.painless.PainlessPlugin", ""),
        "analysis-common": ("org.opensearch.analysis.common.CommonAnalysisPlugin", "lang-painless"),
    }
    for name, (main, extended) in modules.items():
        folder = home / "modules" / name
        folder.mkdir(parents=True)
        described = DESCRIPTOR.format(name=name, main=main, version=version, extended=extended)
        (folder / "plugin-descriptor.properties").write_text(described)
        shutil.copy(files[name], folder)
    painless = home / "modules" / "lang-painless"
    (painless / "plugin-security.policy").write_text(PAINLESS_RIGHTS)
    for name in ("opensearch-scripting-painless-spi", "antlr4-runtime", *(one for one in files if "asm" in one)):
        shutil.copy(files[name], painless)


def lay_out_elasticsearch(files: dict[str, Path], home: Path) -> None:
    """Unpack Elasticsearch as it comes."""
    _unpack(files["elasticsearch"], home)


def _unpack(archive: Path, home: Path) -> str:
    """Unpack a distribution without the folder that holds it all; give its version."""
    with zipfile.ZipFile(archive) as opened:
        top = opened.namelist()[0].split("/")[0]
        opened.extractall(home.parent)
    shutil.rmtree(home, ignore_errors=True)
    (home.parent / top).rename(home)
    for program in (home / "bin").iterdir():
        program.chmod(0o755)
    return top.rpartition("-")[2]


LAYOUTS = {"opensearch": lay_out_opensearch, "elasticsearch": lay_out_elasticsearch}


def install(name: str, lock: Path, into: Path) -> None:
    """Install an engine, anew.

    Raises
    ------
    LocalEngineError
        As :func:`fetch` does.
    """
    downloads = into / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    files = {one.coordinates.split(":")[1]: fetch(one, downloads) for one in packages_of(lock.read_text())}
    LAYOUTS[name](files, into / "home")


if __name__ == "__main__":
    try:
        install(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).resolve())
    except LocalEngineError as problem:
        sys.exit(str(problem))
