"""``tonari report``: one HTML file that says what the live snapshot is worth."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

from tonari_tools.cli.buckets import artefact_bucket, catalogue_bucket
from tonari_tools.cli.progress import StageLines
from tonari_tools.cli.where import target_of
from tonari_tools.report.gather import gather
from tonari_tools.report.page import make_page
from tonari_tools.report.write import check_writable, write_whole


def run(arguments: Namespace) -> None:
    """Make the report of the live snapshot."""
    out: Path = arguments.out
    check_writable(out)
    target = target_of(arguments)
    catalogue, artefacts = catalogue_bucket(target), artefact_bucket(target)
    stages = StageLines("report", "parts")
    with tempfile.TemporaryDirectory() as folder:
        try:
            material = gather(catalogue, artefacts, Path(folder), arguments.seed, stages)
            stages("page", 0, 1)
            page = make_page(material)
        finally:
            stages.close()
    print(f"{out}  {write_whole(out, page):,} bytes")
