"""``tonari push``: upload a folder of pictures with its table of fields."""

from __future__ import annotations

import sys
from argparse import Namespace

from tonari_tools.cli.buckets import catalogue_bucket
from tonari_tools.cli.progress import ProgressLine
from tonari_tools.cli.where import target_of
from tonari_tools.push.folder import find_table
from tonari_tools.push.listing import read_catalogue, split_columns
from tonari_tools.push.upload import push


def run(arguments: Namespace) -> None:
    """Check the folder, send what has changed, say what was done."""
    metadata = arguments.metadata or find_table(arguments.folder)
    catalogue = read_catalogue(arguments.folder, metadata, split_columns(arguments.id))
    for note in catalogue.notes:
        print(f"tonari: {note}", file=sys.stderr)
    bucket = catalogue_bucket(target_of(arguments))
    line = ProgressLine("push", "items")
    try:
        pushed = push(catalogue, bucket, line)
    finally:
        line.close()
    fields = f"with fields from {metadata}" if metadata else "without fields (--metadata FILE names a table of them)"
    print(
        f"{pushed.items} items {fields}: {pushed.uploaded} objects uploaded ({pushed.bytes / 1e6:.1f} MB), "
        f"{pushed.unchanged} unchanged, to s3://{bucket.name}"
    )
    if not pushed.vanished:
        return
    what = f"{len(pushed.vanished)} objects of {pushed.vanished_items} items that {arguments.folder} does not have"
    if arguments.delete:
        bucket.delete(*pushed.vanished)
        print(f"{what}: deleted")
    else:
        print(f"{what}: left alone (--delete deletes them)")
