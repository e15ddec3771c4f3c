"""``tonari rebuild``: build a snapshot of the catalogue on this machine, and publish it."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tonari.encoder_store import load_encoder
from tonari.local.commands.buckets import artefact_bucket, catalogue_bucket
from tonari.local.commands.where import target_of
from tonari.local.progress import StageLines
from tonari.rebuild import rebuild
from tonari.survey import Workplace

if TYPE_CHECKING:
    from argparse import Namespace


def run(arguments: Namespace) -> None:
    """Rebuild with a progress line for each stage."""
    target = target_of(arguments)
    catalogue, artefacts = catalogue_bucket(target), artefact_bucket(target)
    stages = StageLines("rebuild", "views")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        place = Workplace(
            catalogue, artefacts, lambda name: load_encoder(artefacts, name, cache), cache, stages, lambda: math.inf
        )
        try:
            done = rebuild(place)
        finally:
            stages.close()
    print(
        f"{done.outcome}: {done.items} items, {done.views} views ({done.encoded} encoded, {done.reused} reused), "
        f"{done.rejected} objects rejected; snapshot {done.snapshot}, generation {done.generation}"
    )
