"""The first hour with one's own photographs: what push says of folders as they come, and whether answers are right.

    python tests/benchmarks/first_hour.py --data DATA [--shops magento,classes,spree] [--asked 25] [--out FILE]

DATA holds magento.tar, clothing.tar and spree.tar, each with a labels.csv. Of each, some photographs are held out. The
rest is laid out as somebody would have it:

    magento   as it lies: 704 photographs stored by first letters, a table with a row a picture
    classes   clothing, a folder for each category, without a table
    spree     as it lies: pictures in one folder, a table with a row a picture

The program runs `tonari push` without options. Where push stops, it gives the first command that push proposes. Then it
builds an index with the default encoder and searches by each photograph that was held out: is the first item of its
category? All that push prints is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tonari.api.app import App
from tonari.api.http import Request
from tonari.engines.builtin import BuiltinOpening
from tonari.query.reader import Reader
from tonari_tools.serve.buckets import open_bucket

TABLE = "labels.csv"
PROPOSED = re.compile(r"^  tonari (push .*)$", re.MULTILINE)
COMMAND = (sys.executable, "-m", "tonari_tools.cli.main")


@dataclass(frozen=True)
class Shop:
    """A folder to be pushed, and photographs that are not in it with the category of each."""

    folder: Path
    held_out: dict[Path, str]


def as_it_lies(place: Path, asked: int) -> Shop:
    """Take some photographs out of a shop with a table, and their rows."""
    with (place / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = {row["path"]: row["category"] for row in random.Random(0).sample(rows, asked)}
    with (place / TABLE).open("w", newline="") as file:
        lines = csv.DictWriter(file, rows[0])
        lines.writeheader()
        lines.writerows(row for row in rows if row["path"] not in chosen)
    return Shop(place, {_take_out(place / path): category for path, category in chosen.items()})


def as_class_folders(place: Path, asked: int) -> Shop:
    """Lay photographs out in a folder for each category, without a table, and take some out."""
    with (place / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    folder = place.parent / "my photos (1) & co"
    chosen = {row["path"]: row["small_category"] for row in random.Random(0).sample(rows, asked)}
    held_out = {_take_out(place / path): category for path, category in chosen.items()}
    for row in rows:
        if row["path"] not in chosen:
            target = folder / row["small_category"] / Path(row["path"]).name
            target.parent.mkdir(parents=True, exist_ok=True)
            (place / row["path"]).rename(target)
    return Shop(folder, held_out)


SHOPS: dict[str, tuple[str, Callable[[Path, int], Shop]]] = {
    "magento": ("magento.tar", as_it_lies),
    "classes": ("clothing.tar", as_class_folders),
    "spree": ("spree.tar", as_it_lies),
}


def _take_out(picture: Path) -> Path:
    target = Path(tempfile.mkdtemp(dir=_top(picture), prefix="held-out-")) / picture.name
    shutil.move(picture, target)
    return target


def _top(picture: Path) -> Path:
    """Give the folder around the shop, in which photographs that are held out are kept."""
    return next(parent for parent in picture.parents if (parent / "bucket").is_dir())


def run(place: Path, *arguments: str) -> tuple[int, str]:
    """Run the command line and give its exit status and what it printed."""
    command = [*COMMAND, *arguments]
    done = subprocess.run(
        command,
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def push(place: Path, folder: Path) -> list[str]:
    """Push a folder as somebody new would: without options, and then as push says."""
    arguments = ["push", str(folder.relative_to(place)), "--catalogue", "./bucket"]
    status, printed = run(place, *arguments)
    told = [f"$ tonari {shlex.join(arguments)}", printed]
    if status != 0:
        found = PROPOSED.search(printed)
        if found is None:
            raise SystemExit(f"push neither sends nor proposes:\n{printed}")
        status, printed = run(place, *shlex.split(found[1]))
        told += [f"$ tonari {found[1]}", printed]
    if status != 0:
        raise SystemExit(f"push fails as it proposes:\n{printed}")
    return told


def same_category_first(place: Path, held_out: dict[Path, str]) -> tuple[int, int]:
    """Count photographs whose first item is of their category, and whose predicted category is right."""
    catalogue, artefacts = open_bucket("./bucket"), open_bucket("./artefacts")
    reader = Reader(artefacts, place / "cache", 1.0, BuiltinOpening(), sys.stderr.write, print)
    app = App(reader, catalogue, artefacts)
    first = predicted = 0
    for picture, category in held_out.items():
        body = picture.read_bytes()
        media_type = "image/webp" if picture.suffix == ".webp" else "image/jpeg"
        found = json.loads(app(Request("POST", "/v1/search", (("k", "1"),), media_type, body)).body)
        first += found["items"][0]["fields"].get("category") == category
        said = json.loads(app(Request("POST", "/v1/predict", (), media_type, body)).body)
        predicted += said["predictions"]["category"]["value"] == category
    return first, predicted


def measure(name: str, data: Path, asked: int) -> str:
    """Go through the first hour with one shop."""
    archive, lay_out = SHOPS[name]
    with tempfile.TemporaryDirectory() as top:
        place = Path(top)
        for folder in ("shop", "bucket", "artefacts"):
            (place / folder).mkdir()
        with tarfile.open(data / archive) as tar:
            tar.extractall(place / "shop", filter="data")
        shop = lay_out(place / "shop", asked)
        began = time.monotonic()
        told = push(place, shop.folder)
        pushed = time.monotonic()
        for command in (["init"], ["rebuild", "--catalogue", "./bucket"]):
            status, printed = run(place, *command, "--artefacts", "./artefacts")
            if status != 0:
                raise SystemExit(f"{command[0]} fails:\n{printed}")
        built = time.monotonic()
        os.chdir(place)
        try:
            first, predicted = same_category_first(place, shop.held_out)
        finally:
            os.chdir(data)
        figures = (
            f"Pushed in {pushed - began:.1f} s, encoded and built in {built - pushed:.1f} s. Of {asked} photographs "
            f"held out, {first} find an item of their category first; of {predicted} the category is predicted."
        )
        return "\n".join([f"== {name}", *told, figures, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--shops", default=",".join(SHOPS))
    parser.add_argument("--asked", type=int, default=25)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    report = "\n".join(measure(name, given.data.resolve(), given.asked) for name in given.shops.split(","))
    print(report)
    if given.out:
        given.out.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
