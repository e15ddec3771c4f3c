"""``tonari audit``: what the last build found odd in the catalogue."""

from __future__ import annotations

import json
from argparse import Namespace

from tonari.errors import NotReadyError
from tonari.snapshots.files import AUDIT
from tonari.snapshots.head import read_head
from tonari.snapshots.snapshot import load_reported
from tonari_tools.cli.audit_tables import TABLES
from tonari_tools.cli.buckets import artefact_bucket
from tonari_tools.cli.where import target_of


def run(arguments: Namespace) -> None:
    """Print the audit of the live snapshot."""
    artefacts = artefact_bucket(target_of(arguments))
    live = read_head(artefacts).head.snapshot
    if live is None:
        raise NotReadyError("Nothing is published yet, so nothing was audited: push a catalogue, then tonari rebuild.")
    audit = load_reported(artefacts, live, AUDIT)
    parts = [arguments.of] if arguments.of else list(TABLES)
    if arguments.json:
        print(json.dumps(audit[arguments.of] if arguments.of else audit, indent=1, ensure_ascii=False))
        return
    print(f"snapshot {live}, {audit['items']} items; nothing was changed in the catalogue")
    for name in parts:
        print(f"\n{TABLES[name](audit[name])}")
