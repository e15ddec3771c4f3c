"""What a snapshot tells -> what its report is made of, but for the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tonari.local.report.examples import choose_examples
from tonari.local.report.figures import parse_figures
from tonari.local.report.findings import parse_findings
from tonari.local.report.goods import goods_of
from tonari.local.report.material import Material, cut, named

if TYPE_CHECKING:
    from tonari.local.report.material import Facts
    from tonari.parts import Part


def compose(facts: Facts, part: Part, report: Any, audit: Any, seed: int) -> Material:
    """Choose what is shown.

    Parameters
    ----------
    report, audit
        Values of ``report.json`` and ``audit.json``.
    seed
        Of the examples.

    Raises
    ------
    CorruptArtefactError
        If one is not of the documented form or format.
    """
    attributes = parse_figures(report)
    findings = cut(parse_findings(audit))
    names = tuple(one.name for one in attributes)
    goods = {item: goods_of(part, item, names) for item in named(findings)}
    return Material(facts, attributes, findings, choose_examples(part, names, seed), goods, {})
