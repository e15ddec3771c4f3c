"""The whole report: one HTML file that asks for nothing, runs nothing and can be sent by mail."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from tonari import __version__
from tonari_tools.report.likeness import show_examples
from tonari_tools.report.markup import Html, tag
from tonari_tools.report.material import Material
from tonari_tools.report.overview import show_facts, show_recall, show_summary
from tonari_tools.report.quality import MOST_ATTRIBUTES, show_attributes
from tonari_tools.report.suspects import show_audit


def make_page(material: Material) -> str:
    """Make the report; equal material makes equal text.

    A Content-Security-Policy allows data URIs of pictures and the one style sheet, by its hash: even a text that came
    into the page as markup could do nothing.
    """
    style = Html(resources.files("tonari_tools.report").joinpath("style.css").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    facts = material.facts
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"tonari: report on {facts.snapshot}"),
        tag("style", style),
    )
    title = tag("h1", "tonari ", tag("span", "隣", lang="ja"), " report")
    main = tag(
        "main",
        show_facts(facts),
        show_summary(material.attributes, facts),
        show_recall(facts),
        show_attributes(material.attributes),
        show_audit(material),
        show_examples(material),
    )
    footer = tag("footer", f"tonari {__version__}, snapshot {facts.snapshot}")
    body = tag("body", tag("header", title, _contents(material)), main, footer)
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _contents(material: Material) -> Html:
    attributes = material.attributes[:MOST_ATTRIBUTES]
    places = (
        ("snapshot", "Snapshot"),
        ("prediction", "Prediction"),
        ("recall", "Search"),
        *((f"attribute-{number}", one.name) for number, one in enumerate(attributes, 1)),
        ("audit", "Audit"),
        ("examples", "Neighbours"),
    )
    return tag("nav", *(tag("a", name, href=f"#{place}") for place, name in places), aria_label="Contents")
