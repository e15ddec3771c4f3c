"""``tonari rebuild``: build a snapshot of the catalogue on this machine, and publish it."""

from __future__ import annotations

import datetime as dt
import math
import os
import tempfile
from argparse import Namespace
from pathlib import Path

from tonari.builds.look import RebuildContext
from tonari.builds.pending import forget, hold
from tonari.builds.rebuild import rebuild
from tonari.config import ANY_FALL, Margins
from tonari.encoders.store import load_encoder
from tonari.errors import TonariError
from tonari_tools.cli.buckets import artefact_bucket, catalogue_bucket
from tonari_tools.cli.progress import StageLines
from tonari_tools.cli.where import target_of


class RebuildRefusedError(TonariError):
    """The new snapshot is worse than the live one by more than the margins."""

    slug = "rebuild-refused"
    title = "The new snapshot was not published"


def run(arguments: Namespace) -> None:
    """Rebuild with a progress line for each stage."""
    margins = ANY_FALL if arguments.accept else Margins.read(os.environ)
    target = target_of(arguments)
    catalogue, artefacts = catalogue_bucket(target), artefact_bucket(target)
    stages = StageLines("rebuild", "views")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        place = RebuildContext(
            catalogue,
            artefacts,
            lambda name: load_encoder(artefacts, name, cache),
            cache,
            stages,
            lambda: math.inf,
            margins,
        )
        try:
            done = rebuild(place)
        finally:
            stages.close()
    if done.outcome == "refused":
        hold(artefacts, dt.datetime.now(dt.UTC))
        raise RebuildRefusedError(
            f"Nothing was published: {done.why}. {done.snapshot} goes on serving; `tonari audit` may say why. "
            "If it shall be so, `tonari rebuild --accept`; what was encoded is kept."
        )
    forget(artefacts)
    print(
        f"{done.outcome}: {done.items} items, {done.views} views ({done.encoded} encoded, {done.reused} reused), "
        f"{done.rejected} objects rejected; snapshot {done.snapshot}, generation {done.generation}"
    )
