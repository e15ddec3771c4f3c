"""Figures of matplotlib -> SVG that is part of a page: its text is text, its colours are the page's.

matplotlib writes colours as inline styles, which neither follow a dark page nor pass a strict Content-Security-Policy.
So charts are drawn in colours that stand for names (:data:`INKS`), and each becomes a class that the page's style sheet
colours.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from tonari_tools.report.wording import printable

INKS = {
    name: f"#0000{number:02x}"
    for number, name in enumerate(("ink", "soft", "line", "paper", "on", "bar", "discriminant", "means", "vote"), 1)
}
POINTS_PER_INCH = 72
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tonari",
    "text.parse_math": False,
    "font.size": 12,
    "axes.axisbelow": True,
    "axes.edgecolor": INKS["line"],
    "axes.labelcolor": INKS["soft"],
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "grid.color": INKS["line"],
    "grid.linewidth": 0.6,
    "text.color": INKS["ink"],
    "xtick.color": INKS["line"],
    "ytick.color": INKS["line"],
    "xtick.labelcolor": INKS["soft"],
    "ytick.labelcolor": INKS["soft"],
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "lines.linewidth": 1.8,
}
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NAMES = {colour: name for name, colour in INKS.items()}
_UNWANTED = ("style", "metadata")
_NUMBER = re.compile(r"-?\d+\.\d+")
_POINTING = re.compile(r"(?:url\(#|^#)([^)]+)")


@contextmanager
def drawing(width: float, height: float) -> Iterator[Axes]:
    """Give an empty chart of this size, in CSS pixels; whatever the user's matplotlib is set to counts for nothing."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure.add_subplot()


def inline(axes: Axes, name: str, title: str) -> Markup:
    """Write a chart as an element of a page, within :func:`drawing`; equal charts give equal text.

    Parameters
    ----------
    name
        Unique on the page: its ids begin with it.
    title
        What the chart shows, for those who do not see it.
    """
    file = BytesIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    axes.figure.savefig(file, format="svg", transparent=True, metadata=no_metadata)  # type: ignore[union-attr]
    root = ET.fromstring(file.getvalue())  # noqa: S314  written by matplotlib a moment ago
    box = root.get("viewBox", "0 0 1 1")
    root.attrib = {"viewBox": box, "width": box.split()[2], "height": box.split()[3], "role": "img"}
    root.set("aria-labelledby", f"{name}-title")
    for parent in root.iter():
        for child in [child for child in parent if child.tag.removeprefix(_SVG) in _UNWANTED]:
            parent.remove(child)
    pointed = {
        found for element in root.iter() for value in element.attrib.values() for found in _POINTING.findall(value)
    }
    for element in root.iter():
        _clean(element, name, pointed)
    heading = ET.Element("title", {"id": f"{name}-title"})
    heading.text = printable(title)
    root.insert(0, heading)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  ElementTree has escaped all texts


def _clean(element: ET.Element, name: str, pointed: set[str]) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    element.tail = (element.tail or "").strip() or None
    if element.tag != "text":
        element.text = (element.text or "").strip() or None
    identity = element.attrib.pop("id", None)
    _restyle(element)
    for key, value in list(element.attrib.items()):
        element.set(key, _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", " ".join(value.split())))
    for key in {"clip-path", _LINK} & set(element.keys()):
        element.set(key, element.attrib[key].replace("#", f"#{name}-"))
    if _LINK in element.attrib:
        element.set("href", element.attrib.pop(_LINK))
    if identity in pointed:
        element.set("id", f"{name}-{identity}")


def _restyle(element: ET.Element) -> None:
    """Turn an inline style into a class for each colour and attributes for the rest; fonts are the page's."""
    classes = []
    for declaration in filter(None, element.attrib.pop("style", "").split(";")):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if value in _NAMES:
            classes.append(f"{key}-{_NAMES[value]}")
        elif key != "font-family":
            element.set(key, value)
    if classes:
        element.set("class", " ".join(classes))
