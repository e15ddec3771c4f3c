"""The page made of a real build of random items."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pytest
from msgspec import structs

from tonari.contract.artefacts import UnusableValues
from tonari.contract.findings import (
    Audit,
    ContradictedLabels,
    Familiarity,
    GroupingRule,
    ItemGroups,
    MissingValues,
    QualityReport,
)
from tonari.fields.schema import Field
from tonari_tools.report.advice import advise
from tonari_tools.report.material import Material, pictures, select
from tonari_tools.report.render import render
from tonari_tools.report.thumbnails import GONE, MOST, Thumbnail
from unit.tools.report.stock import HOSTILE, reported

PIXEL = "data:image/jpeg;base64,AAAA"
REMOTE = re.compile(r"(https?:)?//|url\(\s*[^#)]", re.IGNORECASE)
AGAIN = """
import pickle, sys
from unit.tools.report.test_render import render, with_thumbnails
from tonari_tools.report.material import select
sys.stdout.buffer.write(render(with_thumbnails(select(*pickle.load(sys.stdin.buffer), 0))).encode())
"""


def material(count: int = 240, seed: int = 0) -> Material:
    return with_thumbnails(select(*reported(count), seed))


def with_thumbnails(made: Material) -> Material:
    """Give each picture the same thumbnail, but none for the first."""
    keys = list(dict.fromkeys(pictures(made)))
    return replace(made, thumbnails={key: Thumbnail(PIXEL) for key in keys[1:]} | {keys[0]: GONE})


class Document(HTMLParser):
    """Every element's name and attributes, and all text by element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def html() -> str:
    return render(material())


@pytest.fixture(scope="module")
def small() -> str:
    """Of too few items to be measured: few charts."""
    return render(material(60))


@pytest.fixture(scope="module")
def document(html: str) -> Document:
    return Document(html)


def test_hostile_texts_stay_texts(html: str, document: Document) -> None:
    names = Counter(name for name, _ in document.elements)
    assert names["script"] == 0
    assert "<script" not in html
    assert not [name for _, given in document.elements for name in given if name.startswith("on") or name == "style"]
    assert html.count("&lt;script&gt;") > 20
    assert HOSTILE in " ".join(document.texts)


def test_nothing_is_asked_for_and_the_policy_says_so(html: str, document: Document) -> None:
    for name, given in document.elements:
        for key in ("src", "href", "srcset", "action", "data", "clip-path"):
            value = given.get(key)
            assert value is None or value.startswith(("#", "data:image/jpeg;base64,", "url(#")), (name, value)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert not REMOTE.search(style)
    assert "@import" not in style
    policy = next(given["content"] for name, given in document.elements if given.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")


def test_ids_are_unique_and_all_that_is_pointed_at_exists(document: Document) -> None:
    ids = Counter(given["id"] for _, given in document.elements if "id" in given)
    assert ids.most_common(1)[0][1] == 1
    pointed = [given[key][1:] for _, given in document.elements for key in ("href",) if key in given]
    pointed += [given[key] for _, given in document.elements for key in ("aria-labelledby",) if key in given]
    pointed += re.findall(r"url\(#([^)]+)\)", " ".join(given.get("clip-path", "") for _, given in document.elements))
    assert set(pointed) <= set(ids)


def test_every_chart_has_words_and_colours_of_the_page(html: str) -> None:
    charts = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(charts) >= 10
    for chart in charts:
        assert 'role="img"' in chart
        assert re.search(r"<title id=[^>]+>.{20,}?</title>", chart, re.DOTALL)
        assert not re.search(r'(fill|stroke)(=|:)"? ?#', chart), "a colour that would not follow a dark page"
    assert "<text" in charts[0]


def test_pictures_have_words_and_missing_ones_a_placeholder(document: Document) -> None:
    images = [given for name, given in document.elements if name == "img"]
    assert 20 < len(images) <= MOST
    assert all(given["alt"] for given in images)
    assert "gone from the catalogue" in document.text


def test_every_section_says_what_it_found(document: Document) -> None:
    text = document.text
    audit = reported()[-1]
    assert audit.contradicted.count > 0
    assert audit.missing.count > 0
    assert f"{audit.contradicted.count} label" in text
    assert f"{audit.duplicates.count} group" in text
    assert "Not measured: fewer than 100 items" not in text
    assert "An item may have several tags, so none is taken for another." in text
    assert "A matrix of 40 classes could not be read" in text
    assert "The catalogue has changed since (1 delta segment)" in text
    assert "1 object rejected" in text
    assert "That is no better than always saying" in text


@pytest.mark.parametrize(("hash_seed", "count"), [("1", 240), ("2", 60)])
def test_equal_material_makes_equal_bytes_in_any_process(html: str, small: str, hash_seed: str, count: int) -> None:
    head, snapshot, *rest = reported(count)
    table = replace(snapshot.table, index=replace(snapshot.table.index, graph=None))
    searched_by_scan = replace(snapshot, table=table)
    made = subprocess.run(
        [sys.executable, "-c", AGAIN],
        env={
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONHASHSEED": hash_seed,
            "PATH": "/usr/bin:/bin",
            "HOME": str(Path.home()),
        },
        input=pickle.dumps((head, searched_by_scan, *rest)),
        capture_output=True,
        check=True,
    )
    assert made.stdout.decode() == {240: html, 60: small}[count]


def test_another_seed_shows_other_examples() -> None:
    assert material(seed=1).examples != material().examples


def test_settings_of_the_users_matplotlib_count_for_nothing_and_stay(small: str) -> None:
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30}):
        assert render(material(60)) == small
        assert mpl.rcParams["lines.linewidth"] == 9


def test_what_could_not_be_measured_is_said(small: str) -> None:
    text = Document(small).text
    assert text.count("Not measured: fewer than 100 items") == 3
    assert "not measured" in text


def test_the_report_says_what_is_like_nothing_in_the_catalogue() -> None:
    head, snapshot, encoder_name, quality, audit = reported(120)
    text = Document(render(select(head, snapshot, encoder_name, quality, audit, 0))).text
    learned = snapshot.familiarity
    assert learned.level is not None
    assert f"a similarity below {learned.level:.3f} is called" in text
    assert f"98.5 % of {learned.items} items reach that" in text
    unknown = replace(snapshot, familiarity=Familiarity())
    text = Document(render(select(head, unknown, encoder_name, quality, audit, 0))).text
    assert "at least 66 items are needed" in text


def test_the_default_of_an_attribute_is_called_so() -> None:
    _, _, _, quality, _ = reported()
    name, one = next((name, one) for name, one in quality.attributes.items() if {"vote", "means"} <= one.methods.keys())
    for method in ("vote", "means"):
        said = " ".join(advise(structs.replace(one, default=method)))
        assert f"{method.capitalize()} (the default): " in said, name


def test_a_catalogue_without_attributes_or_items_has_a_report() -> None:
    head, snapshot, encoder_name, _, audit = reported(60)
    empty = Audit(
        len(snapshot.table),
        ContradictedLabels(9, 0, 0, ()),
        structs.replace(audit.duplicates, count=0, items=()),
        MissingValues(0, 0, ()),
    )
    bare = replace(snapshot, recall={}, rejected={}, id="odd")
    unchanged = structs.replace(head, segments=())
    none = replace(select(unchanged, bare, encoder_name, QualityReport({}), empty, 0), examples=())
    text = Document(render(none)).text
    assert "No field is an attribute, so nothing is predicted." in text
    assert "Recall was not measured" in text
    assert "There is no item with a picture." in text
    assert "No item lacks a value of an attribute." in text
    assert "built unknown" in text


def test_it_says_which_labels_are_not_predicted_and_which_values_count_as_missing() -> None:
    made = material()
    why = f"1,200 values: more than 1,000 {HOSTILE}"
    schema = replace(made.snapshot.schema, fields={HOSTILE: Field("string", unpredicted=why)})
    unusable = {"color": UnusableValues(7, {"item-1": f"color is a string field; 'NaN' {HOSTILE}"})}
    table = replace(made.snapshot.table, unusable=unusable)

    text = Document(render(replace(made, snapshot=replace(made.snapshot, schema=schema, table=table)))).text

    assert f"“{HOSTILE}” is not predicted: {why}. To predict it all the same" in text
    assert "Values of 1 field count as missing" in text
    assert f"color color is a string field; 'NaN' {HOSTILE} 7" in text


def test_which_items_were_held_out_together_is_said() -> None:
    made = material(60)
    rules = (GroupingRule("field", "<sku>", 40, 90, 5), GroupingRule("looks", "distance up to 0.40", 20, 45, 4))
    found = replace(made, snapshot=replace(made.snapshot, grouping=ItemGroups(55, 1234, 6, rules)))

    text = Document(render(found)).text

    assert "1,234 items held out in 55 groups, the largest of 6" in text
    assert "a field that few items share <sku> 40 90 5" in text
    assert "nearer than chance explains distance up to 0.40 20 45 4" in text
    alone = replace(made, snapshot=replace(made.snapshot, grouping=ItemGroups()))
    assert "held out in" not in Document(render(alone)).text
