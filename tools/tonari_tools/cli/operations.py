"""Commands that look after the buckets: ``publish``, ``rollback``, ``gc``, ``verify``, ``probe-store``."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from tonari.errors import TonariError
from tonari_tools.cli.ask import AS_JSON, print_json
from tonari_tools.cli.engine_options import opened
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import Target, takes_buckets
from tonari_tools.tables import Columns, facts, show

if TYPE_CHECKING:
    from tonari.builds.look import RebuildContext
    from tonari.builds.publish import Published

YES = click.option("--yes", is_flag=True, help="Do it without asking.")


class DamagedError(TonariError):
    """Something that the head names is not whole."""


class UnfitStoreError(TonariError):
    """A store that does not do what tonari needs."""


class NotPublishedError(TonariError):
    """A snapshot could not be made live."""


@click.command("publish", epilog=examples("tonari publish 20260102T030405-1a2b3c4d --yes"))
@click.argument("snapshot", metavar="SNAPSHOT", help="Its id, as under snapshots/ in the artefact bucket.")
@YES
@AS_JSON
@takes_buckets("catalogue", "artefacts")
def publish(snapshot: str, target: Target, *, yes: bool, as_json: bool) -> None:
    """Make a snapshot live that lies in the bucket.

    Items that have changed since it was built are read again and laid over it.
    """
    from tonari.builds.publish import publish_stored

    with _context(target) as context:
        agree(f"Make snapshot {snapshot} live, and lay over it what has changed since.", yes=yes)
        _tell(publish_stored(context, snapshot), as_json=as_json)


@click.command("rollback", epilog=examples("tonari rollback", "tonari rollback --yes --json"))
@YES
@AS_JSON
@takes_buckets("catalogue", "artefacts")
def rollback(target: Target, *, yes: bool, as_json: bool) -> None:
    """Make the snapshot live again that was live before.

    Items that have changed since it was built are read again and laid over it, so no change is lost.
    """
    from tonari.builds.publish import roll_back
    from tonari.snapshots.head import read_head

    with _context(target) as context:
        head = read_head(context.artefacts).head
        if head.previous:
            agree(
                f"Make snapshot {head.previous.snapshot} live in place of {head.snapshot}, and lay over it what has "
                "changed since.",
                yes=yes,
            )
        _tell(roll_back(context), as_json=as_json)


@click.command("gc", epilog=examples("tonari gc", "tonari gc --grace 86400 --yes"))
@click.option(
    "--grace",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=3600.0,
    show_default=True,
    help="Time between condemning and deleting.",
)
@YES
@AS_JSON
@takes_buckets("artefacts")
def gc(grace: float, target: Target, *, yes: bool, as_json: bool) -> None:
    """Delete what the index no longer needs.

    Two runs do it: the first marks files that nothing names any more, one after the grace period deletes them. Every
    rebuild does the same.
    """
    from tonari.builds.collect import collect, survey
    from tonari.builds.old_collections import drop_old

    artefacts = target.open_artefacts()
    found = survey(artefacts, grace)
    due = [key for _, keys in found.due for key in keys]
    if not as_json:
        show(
            facts(
                [
                    ("to delete now", _listed([*due, *found.stale])),
                    ("to mark now", _listed(found.condemnable)),
                    ("marked, in grace", f"{found.waiting}"),
                ]
            )
        )
    if due or found.stale or found.condemnable:
        agree("Delete and mark these.", yes=yes)
    done = collect(artefacts, grace)
    with opened(target) as database:
        dropped = drop_old(database, artefacts) if database else ()
    for name in dropped:
        click.echo(f"Collection {name} of the search engine was dropped.", err=True)
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(f"{done.deleted} objects deleted, {done.condemned} marked, {done.waiting} in grace.")


@click.command("verify", epilog=examples("tonari verify", "tonari verify --artefacts my-artefacts --json"))
@AS_JSON
@takes_buckets("artefacts")
def verify(target: Target, *, as_json: bool) -> None:
    """Read back all files of the live and the previous snapshot, and check them.

    The exit status is 1 if one is damaged.
    """
    from tonari_tools.operate.verify import verify as read_back

    with tempfile.TemporaryDirectory() as cache:
        found = read_back(target.open_artefacts(), Path(cache))
    if as_json:
        print_json(found)
    else:
        show(Columns(["", "part", "state"], [[one.role, one.what, one.problem or "whole"] for one in found.checked]))
    if not found.is_whole:
        raise DamagedError(
            "Something is damaged. A rebuild writes the live snapshot anew (tonari rebuild); tonari rollback goes back "
            "to the one before."
        )


@click.command("probe-store", epilog=examples("tonari probe-store --artefacts my-bucket --endpoint-url http://minio"))
@AS_JSON
@takes_buckets("artefacts")
def probe_store(target: Target, *, as_json: bool) -> None:
    """Try whether a store does what tonari needs of it, such as conditional writes.

    Writes some objects under work/ and deletes them again. The exit status is 1 if something is missing.
    """
    from tonari_tools.operate.probe import probe

    found = list(probe(target.open_artefacts()))
    if as_json:
        print_json(found)
    else:
        show(Columns(["need", "result"], [[one.need, one.problem or "yes"] for one in found]))
    missing = [one.need for one in found if one.problem]
    if missing:
        raise UnfitStoreError(f"This store cannot hold tonari's artefacts: {'; '.join(missing)}.")


@contextmanager
def _context(target: Target) -> Iterator[RebuildContext]:
    from tonari.builds.look import RebuildContext
    from tonari.encoders.store import load_encoder
    from tonari_tools.progress import StageLines

    catalogue, artefacts = target.open_catalogue(), target.open_artefacts()
    with (
        opened(target) as database,
        tempfile.TemporaryDirectory() as folder,
        StageLines("publish", "items") as stages,
    ):
        cache = Path(folder)
        yield RebuildContext(
            catalogue,
            artefacts,
            lambda name: load_encoder(artefacts, name, cache),
            cache,
            stages,
            lambda: math.inf,
            database=database,
        )


def agree(what: str, *, yes: bool) -> None:
    """Say what is going to be done, and ask, unless that was answered before."""
    click.echo(what, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nothing was done: nobody is there to agree. Add --yes.")
    click.confirm("Do it?", abort=True, err=True)


def _tell(done: Published, *, as_json: bool) -> None:
    if done.outcome in ("busy", "superseded"):
        raise NotPublishedError(
            f"A rebuild is running, or took over; snapshot {done.snapshot} is live. Try again when it is done."
        )
    if as_json:
        print_json(asdict(done))
    elif done.outcome == "live":
        click.echo(f"Snapshot {done.snapshot} is live already.")
    else:
        click.echo(
            f"Snapshot {done.snapshot} is live, generation {done.generation}; {done.changed} items had changed since."
        )
    if done.why:
        click.echo(f"But {done.why}", err=True)


def _listed(keys: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(keys[:3])
    return f"{len(keys)}: {shown}{', …' if len(keys) > 3 else ''}" if keys else "0"
