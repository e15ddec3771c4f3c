"""What `make demo` is told reaches the program as it was written, whatever it is made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITES_ARGUMENTS = '#!/bin/sh\nfor each; do printf "%s\\0" "$each"; done\n'
NAMES = [
    "my photos (1) & co",
    "it's",
    "a&b",
    "p(1)",
    "$x",
    "$(shell id)",
    "`id`",
    '"',
    "a#b",
    "a\\",
    "-x",
    "a;b|c>d",
    "*",
    "~",
    "a  b ",
    "a,b=c:d%",
    "ü 隣\u202f",
    "photos/",
    "line\nbreak",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The makefile in a folder with an awkward name, everything installed; the program says what it was given."""
    folder = tmp_path / "a check-out (für $HOME)"
    for name in ("Makefile", "pyproject.toml", "tools/pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "tonari").write_text(WRITES_ARGUMENTS)
    (folder / ".venv" / "bin" / "tonari").chmod(0o755)
    for stamp in ("bin/uv", ".local"):
        (folder / ".venv" / stamp).touch()
    return folder


def arguments(checkout: Path, *settings: str, **variables: str) -> list[str]:
    """Give what `make demo` starts the program with."""
    made = subprocess.run(
        ["make", "--no-print-directory", "demo", *settings],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()
    return made.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name_is_the_folder_shown(checkout: Path, name: str) -> None:
    assert arguments(checkout, f"DIR={name}") == ["demo", "--", name]
    assert arguments(checkout, DIR=name) == ["demo", "--", name]
    assert arguments(checkout, f"ID={name}", f"DIR={name}") == ["demo", f"--id={name}", "--", name]


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ([], []),
        (["PORT=0"], ["--port=0"]),
        (["METADATA=-my table's.csv", "DIR=p"], ["--metadata=-my table's.csv", "--", "p"]),
        (["ID=product,color", "DIR=p"], ["--id=product,color", "--", "p"]),
        (["IMAGE=file name", "DIR=p"], ["--image=file name", "--", "p"]),
        (["FOLDERS=classes", "DIR=p"], ["--folders=classes", "--", "p"]),
        (["SPLIT_BY=$model", "DIR=p"], ["--split-by=$model", "--", "p"]),
        (["SKIP_BAD_ROWS=1", "FRESH=1", "DIR=p"], ["--skip-bad-rows", "--fresh", "--", "p"]),
        (["SKIP_BAD_ROWS=0", "FRESH=", "DIR=p"], ["--", "p"]),
        (["EXAMPLE=shop", "PORT=0"], ["--port=0", "--example=shop"]),
        (["EXAMPLE=$x y"], ["--example=$x y"]),
    ],
)
def test_each_setting_is_passed_on(checkout: Path, settings: list[str], given: list[str]) -> None:
    assert arguments(checkout, *settings) == ["demo", *given]


def test_names_that_others_use_in_the_environment_mean_nothing(checkout: Path) -> None:
    assert arguments(checkout, ID="7", IMAGE="debian:12", FOLDERS="x", METADATA="y", FRESH="1") == ["demo"]
    assert arguments(checkout, EXAMPLE="newsroom") == ["demo"]


def test_only_the_newsroom_wants_the_encoder_of_texts(checkout: Path) -> None:
    stamp = checkout / ".venv" / ".text"
    uv = checkout / ".venv" / "bin" / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    (checkout / ".venv" / ".local").touch()
    assert arguments(checkout, "EXAMPLE=shop") == ["demo", "--example=shop"]
    assert not stamp.exists()
    assert arguments(checkout, "EXAMPLE=newsroom")[1:] == ["--example=newsroom"]
    assert stamp.exists()


def test_python_starts_whatever_the_checkout_is_called(checkout: Path) -> None:
    """Also by a locale that has not the letters of its name, in which Python reads .pth files."""
    (checkout / ".venv" / ".local").unlink()
    pth = checkout / ".venv" / "lib" / "python3.11" / "site-packages" / "tonari.pth"
    pth.parent.mkdir(parents=True)
    (checkout / "layers" / "engine").mkdir(parents=True)
    uv = checkout / ".venv" / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\necho \"$PWD/layers/engine\" > '{pth}'\n")
    uv.chmod(0o755)
    assert "demo" in arguments(checkout)[0]
    named = pth.read_text().strip()
    assert named.isascii()
    assert (pth.parent / named).resolve() == (checkout / "layers" / "engine").resolve()


def test_the_folder_is_named_whole_when_it_holds_no_picture(checkout: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "my photos (1) & co's $x").mkdir()
    made = subprocess.run(
        ["make", "demo", f"DIR={folder}", "PORT=0", f"BIN={Path(sys.executable).parent}"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{folder} holds no picture" in made.stderr
