"""Both distributions as wheels, installed with their dependencies into an empty environment."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tonari import __version__
from tonari.encoders.image import encoder_id
from tonari_tools.onnx.default import read_default

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.prefix, "bin", "uv")
PINNED = ROOT / ".ci" / "locks" / "local.txt"
PROJECT = ("pyproject.toml", "README.md", "LICENSE", "layers/engine/tonari", "tools", "examples")

PACKAGES = {
    "tonari": ROOT / "layers" / "engine" / "tonari",
    "tonari_tools": ROOT / "tools" / "tonari_tools",
    "tonari_shop": ROOT / "examples" / "shop" / "tonari_shop",
    "tonari_newsroom": ROOT / "examples" / "newsroom" / "tonari_newsroom",
}

DRAW = """
import io, itertools
from PIL import Image
from tonari_shop.assortment import assortment
from tonari_shop.studio import photograph

for article in itertools.islice(assortment(), 3):
    for camera, backdrop in article.views.values():
        assert Image.open(io.BytesIO(photograph(article.product, camera, backdrop))).format == "JPEG"
"""
ENCODER = """
from tonari.encoders.image import encoder_id
from tonari_tools.onnx.default import read_default

print(encoder_id(*read_default()))
"""


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def without_traces(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {"__pycache__", "build", "dist"} or name.endswith(".egg-info")}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Build them from a copy, so that nothing left by earlier builds gets in."""
    copy = tmp_path_factory.mktemp("project")
    for name in PROJECT:
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=without_traces)
        else:
            shutil.copy(source, target)
    for project in (copy, copy / "tools"):
        run(UV, "build", "--quiet", "--wheel", "--out-dir", copy / "dist", project, folder=copy)
    return sorted((copy / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def binaries(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install by the one name that a user gives, with what the wheels ask for, in the versions that are pinned."""
    folder = tmp_path_factory.mktemp("empty")
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", folder=folder)
    python = folder / "venv" / "bin" / "python"
    ours = ("--find-links", wheels[0].parent, f"tonari-tools=={__version__}")
    run(UV, "pip", "install", "--quiet", "--python", python, "--constraint", PINNED, *ours, folder=folder)
    run(UV, "pip", "check", "--python", python, folder=folder)
    return python.parent


def test_there_are_two(wheels: list[Path]) -> None:
    assert [wheel.name for wheel in wheels] == [
        f"tonari-{__version__}-py3-none-any.whl",
        f"tonari_tools-{__version__}-py3-none-any.whl",
    ]


def test_the_program_helps(binaries: Path, tmp_path: Path) -> None:
    assert "Usage: tonari" in run(binaries / "tonari", "--help", folder=tmp_path)


def test_the_program_says_its_version(binaries: Path, tmp_path: Path) -> None:
    assert run(binaries / "tonari", "--version", folder=tmp_path) == f"tonari {__version__}\n"


def test_the_face_is_there(binaries: Path, tmp_path: Path) -> None:
    run(binaries / "python", "-c", "import tonari; tonari.Index; tonari.Client", folder=tmp_path)


def test_the_shop_is_drawn(binaries: Path, tmp_path: Path) -> None:
    run(binaries / "python", "-c", DRAW, folder=tmp_path)


def test_the_default_encoder_comes_with_the_tools(binaries: Path, tmp_path: Path) -> None:
    assert run(binaries / "python", "-c", ENCODER, folder=tmp_path).strip() == encoder_id(*read_default())


def test_the_demo_starts(binaries: Path, tmp_path: Path) -> None:
    """In no clone, with nothing of the sources on the way."""
    (tmp_path / "photos").mkdir()
    for number, color in enumerate(("red", "green")):
        Image.new("RGB", (64, 64), color).save(tmp_path / "photos" / f"{number}.png")
    command = [binaries / "tonari", "demo", "photos", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout is not None
        lines = itertools.takewhile(lambda line: not line.startswith("Commands"), demo.stdout)
        printed = "".join(lines)
        demo.terminate()
    assert "published: 2 items" in printed
    assert "Ready in" in printed


def installed(binaries: Path, folder: Path) -> Path:
    """Find the folder that packages were installed into."""
    code = "import tonari, pathlib; print(pathlib.Path(tonari.__file__).parents[1])"
    return Path(run(binaries / "python", "-c", code, folder=folder).strip())


@pytest.mark.parametrize("package", PACKAGES)
def test_all_files_of_a_package_are_there_and_no_others(package: str, binaries: Path, tmp_path: Path) -> None:
    site = installed(binaries, tmp_path)
    root = PACKAGES[package]
    expected = {path.relative_to(root) for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    found = {path.relative_to(site / package) for path in (site / package).rglob("*") if path.is_file()}
    assert {path for path in found if path.suffix != ".pyc"} == expected


def test_nothing_that_only_tests_need_is_installed(binaries: Path, tmp_path: Path) -> None:
    names = {path.name for path in installed(binaries, tmp_path).iterdir()}
    assert not names & {"awslambdaric", "functions", "hypothesis", "ministack", "pytest", "selenium", "tests", "torch"}
