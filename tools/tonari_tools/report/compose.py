"""What a snapshot tells -> what its report is made of, but for the pictures."""

from __future__ import annotations

from typing import Any

from tonari.snapshots.table import Table
from tonari_tools.report.examples import choose_examples
from tonari_tools.report.figures import parse_figures
from tonari_tools.report.findings import parse_findings
from tonari_tools.report.goods import goods_of
from tonari_tools.report.material import Facts, Material, cut, named


def compose(facts: Facts, table: Table, report: Any, audit: Any, seed: int) -> Material:
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
    goods = {item: goods_of(table, item, names) for item in named(findings)}
    return Material(facts, attributes, findings, choose_examples(table, names, seed), goods, {})
