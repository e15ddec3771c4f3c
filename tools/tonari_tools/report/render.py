"""The whole report: one HTML file that asks for nothing, runs nothing and can be sent by mail."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections import Counter
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tonari import __version__
from tonari.contract.findings import AttributeQuality
from tonari.errors import TonariError
from tonari.fields.reasons import unpredicted
from tonari_tools.report import charts, wording
from tonari_tools.report.advice import advise
from tonari_tools.report.material import Material, by_attribute


class UnwritableError(TonariError):
    """A file that cannot be written."""


def check_writable(path: Path) -> None:
    """Refuse a path before any work is done for it.

    Raises
    ------
    UnwritableError
        If its folder is missing or closed to us, or it is itself a folder or a device.
    """
    folder = path.parent
    if path.is_dir():
        raise UnwritableError(f"{path} is a folder: give a file, such as --out {path / 'report.html'}.")
    if path.exists() and not path.is_file():
        return
    if not folder.is_dir():
        raise UnwritableError(f"There is no folder {folder}: create it, or choose another file with --out FILE.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnwritableError(f"Nothing may be written to {folder}: choose another file with --out FILE.")


def write_whole(path: Path, text: str) -> int:
    """Replace a file, so that readers see all of it or none; gives its size in bytes.

    A pipe or a device, such as ``/dev/stdout``, is written to.

    Raises
    ------
    UnwritableError
    """
    data = text.encode()
    try:
        if path.exists() and not path.is_file():
            return path.write_bytes(data)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            fresh = Path(file.name)
            file.write(data)
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as error:
        raise UnwritableError(f"{path} cannot be written ({error.strerror}): make room, or choose another.") from error
    return len(data)


PACKAGE = "tonari_tools.report"
PAGE = "page.html.jinja"
LIMITS = {
    "attributes": 12,
    "bars": charts.MOST_BARS,
    "classes_drawn": charts.MOST_CLASSES,
    "classes_listed": 200,
    "attributes_drawn": 40,
    "attributes_of_examples": 3,
    "labels": 4,
    "mistakes": 12,
    "rejected": 50,
    "unusable": 50,
}
"""How many of each the templates show."""
SIGNS = {"o": "●", "s": "■", "^": "▲"}
METHODS = {method: SIGNS[marker] for method, marker in charts.MARKERS.items()}

GROUPING_RULES = {
    "split_by": "split_by",
    "field": "a field that few items share",
    "ids": "same beginning of ids",
    "file names": "same beginning of file names",
    "numbers": "consecutive numbers that look alike",
    "pictures": "same picture",
    "looks": "nearer than chance explains",
}


def render(material: Material) -> str:
    """Make the report; equal material makes equal text.

    A Content-Security-Policy allows data URIs of pictures and the one style sheet, by its hash: even a text that came
    into the page as markup could do nothing.
    """
    style = resources.files(PACKAGE).joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        environment()
        .get_template(PAGE)
        .render(
            material=material,
            snapshot=material.snapshot,
            attributes=material.attributes,
            audit=material.audit,
            detailed=dict(islice(material.attributes.items(), LIMITS["attributes"])),
            unpredicted=unpredicted(material.snapshot.schema),
            reasons=Counter(material.snapshot.rejected.values()),
            style=Markup(style),  # noqa: S704  a file of this package
            policy=policy,
            version=__version__,
        )
    )


def environment() -> Environment:
    """Set templates up: every text is escaped where it is put in, and a name that is not given is an error.

    What HTML cannot hold is left out; markup has been made of texts that went through here.
    """
    environment = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else wording.printable(value),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "say": wording.say,
        "percent": wording.percent,
        "fraction": wording.fraction,
        "counted": wording.count,
    }
    environment.globals |= {
        "advise": advise,
        "by_attribute": by_attribute,
        "by_count": by_count,
        "charts": charts,
        "grouping_rules": GROUPING_RULES,
        "limits": LIMITS,
        "methods": METHODS,
    }
    return environment


def by_count(attribute: AttributeQuality) -> list[tuple[Any, int]]:
    """Give classes and from how many items each was learned, most first."""
    return sorted(zip(attribute.classes, attribute.sampled, strict=True), key=lambda pair: -pair[1])
