"""``tonari engine …``: what a vector database elsewhere holds, loaded, compared with what is live, cleared out."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from tonari.errors import TonariError
from tonari_tools.cli.ask import AS_JSON, print_json
from tonari_tools.cli.engine_options import takes_engine
from tonari_tools.cli.help import examples
from tonari_tools.cli.operations import YES, agree
from tonari_tools.cli.target import Target, takes_buckets
from tonari_tools.tables import Columns, facts, show

if TYPE_CHECKING:  # help must not load numpy
    from tonari.contract.database import Database

SHOWN = 5


class NotLoadedError(TonariError):
    """The search engine does not hold what is live."""


class DriftError(TonariError):
    """The search engine holds something else than what is live."""


@click.command("check", epilog=examples("tonari engine check --engine pgvector --url postgresql://db.example.org/shop"))
@AS_JSON
@takes_buckets("artefacts")
@takes_engine
def check(database: Database, target: Target, *, as_json: bool) -> None:
    """Ask the search engine what it holds: is it reached, is all of what is live there, how far is it behind.

    The exit status is 1 if it does not hold what is live.
    """
    from tonari_tools.operate.engine_state import look_at

    found = look_at(database, target.open_artefacts())
    if as_json:
        print_json(found)
    else:
        show(
            facts(
                [
                    ("live", found.live or "nothing"),
                    ("generation", f"{found.generation}"),
                    ("alias names", found.alias or "nothing"),
                    ("items at most in one answer", f"{found.found:,}"),
                    ("ids at most in one range", f"{found.ids:,}"),
                ]
            )
        )
        rows = [
            [
                one.name,
                one.role,
                f"{one.loaded:,} of {one.items:,}",
                f"{one.recall:.3f}" if one.complete else "",
                f"{one.behind}",
            ]
            for one in found.collections
        ]
        show(Columns(["collection", "", "items", "recall@10", "behind"], rows))
    if found.problem:
        raise NotLoadedError(found.problem)


@click.command("load", epilog=examples("tonari engine load", "tonari engine load --engine milvus --url http://host"))
@AS_JSON
@takes_buckets("artefacts")
@takes_engine
def load(database: Database, target: Target, *, as_json: bool) -> None:
    """Load the live snapshot into the search engine, and all that has changed since.

    A load that was interrupted goes on. What is there already is left as it is.
    """
    import msgspec

    from tonari.loading.live import bring_up
    from tonari_tools.progress import StageLines

    with tempfile.TemporaryDirectory() as cache, StageLines("engine", "items") as stages:
        state = bring_up(database, target.open_artefacts(), Path(cache), stages)
    if as_json:
        print_json(msgspec.to_builtins(state))
    else:
        click.echo(
            f"Snapshot {state.snapshot} is loaded: {state.items:,} items, {state.views:,} views, "
            f"recall@10 {state.recall:.3f}; generation {state.generation}."
        )


@click.command("drift", epilog=examples("tonari engine drift", "tonari engine drift --repair --json"))
@click.option("--repair", "mend", is_flag=True, help="Write what differs as it should be.")
@AS_JSON
@takes_buckets("artefacts")
@takes_engine
def drift(database: Database, target: Target, *, mend: bool, as_json: bool) -> None:
    """Compare every item that the search engine holds with what is live.

    The exit status is 1 if something differs and was not repaired.
    """
    from tonari.loading.drift import drift as compare
    from tonari.loading.drift import repair
    from tonari.snapshots.snapshot import load_tables

    artefacts = target.open_artefacts()
    with tempfile.TemporaryDirectory() as cache:
        table = functools.cache(lambda name: load_tables(artefacts, name, Path(cache)))
        found = (repair if mend else compare)(database, artefacts, table)
    if as_json:
        print_json(asdict(found))
    else:
        show(
            facts(
                [
                    ("items", f"{found.items:,}"),
                    ("missing", _some(found.missing)),
                    ("astray", _some(found.astray)),
                    ("outdated", _some(found.outdated)),
                ]
            )
        )
    if found.ids and not mend:
        raise DriftError(f"{len(found.ids):,} items differ from what is live: tonari engine drift --repair mends them.")


@click.command("drop", epilog=examples("tonari engine drop s_20260102t030405_1a2b3c4d", "tonari engine drop --all-old"))
@click.argument("name", required=False, metavar="NAME", help="Of a collection, as tonari engine check shows it.")
@click.option("--all-old", is_flag=True, help="All but what is live and what was live before.")
@YES
@takes_buckets("artefacts")
@takes_engine
def drop(name: str | None, database: Database, target: Target, *, all_old: bool, yes: bool) -> None:
    """Delete collections from the search engine. Rebuilds do so with those that no longer count."""
    from tonari.builds.old_collections import drop_named, droppable

    if bool(name) == all_old:
        raise click.UsageError("Name a collection, or give --all-old: one of them.")
    artefacts = target.open_artefacts()
    names = droppable(database, artefacts) if all_old else (name or "",)
    if not names:
        click.echo("There is nothing to drop.")
        return
    if name and name not in database.collections():
        raise click.UsageError(f"There is no collection {name}; tonari engine check lists them.")
    agree(f"Drop {', '.join(names)}. A rebuild that is loading one of them fails, and begins anew.", yes=yes)
    for one in names:
        drop_named(database, artefacts, one)
        click.echo(f"{one} was dropped.")


def _some(ids: tuple[str, ...]) -> str:
    return f"{len(ids):,}: {', '.join(ids[:SHOWN])}{', …' if len(ids) > SHOWN else ''}" if ids else "0"


@click.group("engine", invoke_without_command=True)
@click.pass_context
def engine(context: click.RichContext) -> None:
    """Look after a search engine elsewhere: what it holds, load it, compare it, clear it out."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (check, load, drift, drop):
    engine.add_command(command)
