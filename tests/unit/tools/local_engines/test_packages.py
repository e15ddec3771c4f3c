from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from tonari_tools.local_engines.lucene_node import java_home
from tonari_tools.local_engines.packages import Package, fetch, lay_out_opensearch, packages_of
from tonari_tools.local_engines.running import LocalEngineError

LOCKS = Path(__file__).parents[4] / ".ci" / "locks"


@pytest.mark.parametrize("name", ["opensearch", "elasticsearch"])
def test_the_locks_pin_every_package(name: str) -> None:
    packages = packages_of((LOCKS / f"{name}.txt").read_text())
    assert packages
    assert all(len(bytes.fromhex(one.sha256)) == 32 for one in packages)
    assert packages[0].file.startswith(f"{name}-")


def test_what_is_not_as_pinned_is_not_kept(tmp_path: Path) -> None:
    package = Package(hashlib.sha256(b"good").hexdigest(), "org.example:thing:1.0:jar")
    path = tmp_path / "thing-1.0.jar"
    path.write_bytes(b"good")
    assert fetch(package, tmp_path) == path
    path.write_bytes(b"bad")
    with pytest.raises(LocalEngineError, match=r"not .* as pinned"):
        fetch(package, tmp_path)
    assert not path.exists()


def test_without_maven_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalEngineError, match="Maven is not installed"):
        fetch(Package("0" * 64, "org.example:thing:1.0:jar"), tmp_path)


def test_opensearch_is_laid_out_with_its_plug_in(tmp_path: Path) -> None:
    packages = packages_of((LOCKS / "opensearch.txt").read_text())
    files = {one.coordinates.split(":")[1]: tmp_path / one.file for one in packages}
    for name, path in files.items():
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("opensearch-2.19.1/bin/opensearch" if name == "opensearch" else "some.jar", name)

    home = tmp_path / "into" / "home"
    home.parent.mkdir()
    lay_out_opensearch(files, home)

    assert (home / "bin" / "opensearch").stat().st_mode & 0o111
    assert (home / "plugins" / "opensearch-knn" / "some.jar").exists()
    described = (home / "modules" / "lang-painless" / "plugin-descriptor.properties").read_text()
    assert "opensearch.version=2.19.1\n" in described
    assert {one.stem.rpartition("-")[0] for one in (home / "modules" / "lang-painless").glob("*.jar")} >= {
        "lang-painless",
        "antlr4-runtime",
        "asm-util",
    }


def test_a_java_that_is_not_here_is_named() -> None:
    with pytest.raises(LocalEngineError, match="needs Java 1 to 2"):
        java_home("Engine", 1, 2)
