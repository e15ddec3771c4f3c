"""``tonari audit``: what the last build found odd in the catalogue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tonari.errors import NotReadyError
from tonari.head import read_head
from tonari.local.audit_tables import TABLES
from tonari.local.commands.buckets import artefact_bucket
from tonari.local.commands.where import target_of
from tonari.snapshot import load_told
from tonari.snapshot_files import AUDIT

if TYPE_CHECKING:
    from argparse import Namespace


def run(arguments: Namespace) -> None:
    """Print the audit of the live snapshot."""
    artefacts = artefact_bucket(target_of(arguments))
    live = read_head(artefacts).head.snapshot
    if live is None:
        raise NotReadyError("Nothing is published yet, so nothing was audited: push a catalogue, then tonari rebuild.")
    audit = load_told(artefacts, live, AUDIT)
    parts = [arguments.of] if arguments.of else list(TABLES)
    if arguments.json:
        print(json.dumps(audit[arguments.of] if arguments.of else audit, indent=1, ensure_ascii=False))
        return
    print(f"snapshot {live}, {audit['items']} items; nothing was changed in the catalogue")
    for name in parts:
        print(f"\n{TABLES[name](audit[name])}")
