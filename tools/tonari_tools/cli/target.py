"""What the commands talk to: what flags say first, then the environment, then a server that runs on this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from tonari.errors import InvalidRequestError, SettingError
from tonari.storage.bucket import Bucket

if TYPE_CHECKING:
    from tonari.config import EngineSettings

STATE = Path(".tonari")
DEFAULT_URL = "http://127.0.0.1:8787"
BUCKET_VARIABLES = {"catalogue": "TONARI_CATALOGUE_BUCKET", "artefacts": "TONARI_ARTEFACT_BUCKET"}

Command: TypeAlias = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Target:
    """URLs of the HTTP API and of S3, and two buckets: folders, or names on S3; what is not known is empty.

    Parameters
    ----------
    memory
        The file that says what was pushed into a demo's catalogue.
    engine
        The search engine that a demo started; None if no demo is meant.
    """

    url: str = ""
    endpoint: str = ""
    catalogue: str = ""
    artefacts: str = ""
    memory: str = ""
    engine: EngineSettings | None = None

    def open_catalogue(self) -> Bucket:
        """Open the catalogue bucket; :class:`SettingError` if nothing names it."""
        from tonari.catalogue.any_spelling import AnySpelling

        return AnySpelling(self._open(self.catalogue, "catalogue"))

    def open_artefacts(self) -> Bucket:
        """Open the artefact bucket; :class:`SettingError` if nothing names it."""
        return self._open(self.artefacts, "artefacts")

    def _open(self, name: str, what: str) -> Bucket:
        if not name:
            raise SettingError(
                f"Which bucket? Give --{what} BUCKET or set {BUCKET_VARIABLES[what]}, or start the demo: tonari demo."
            )
        from tonari_tools.serve.buckets import open_bucket

        return open_bucket(name, endpoint=self.endpoint)


def choose(given: Target, find: Callable[[], Target | None]) -> Target:
    """Fill in what was not given from a server that is running, for which nobody looks unless it is needed.

    Whoever names a bucket or an endpoint means their own S3, whoever names a URL that API.
    """
    if given.endpoint or given.catalogue or given.artefacts or given.url:
        return given
    return find() or Target(DEFAULT_URL)


def _refuse_empty(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what a shell makes of a variable that is not set: it names nothing, and something else must not be meant.

    Raises
    ------
    click.BadParameter
    """
    if value == "":
        raise click.BadParameter("it is empty. Name something, or leave the option out.", context, parameter)
    return value


_takes_demo = click.option(
    "--demo",
    callback=_refuse_empty,
    envvar="TONARI_DEMO",
    show_envvar=True,
    metavar="NAME",
    help="Which running demo, by the name of its folder; tonari demos lists them.",
)


def takes_url(command: Command) -> Command:
    """Give a command options for the API and, as ``url``, the one that is meant."""

    @functools.wraps(command)
    def run(*, url: str | None, demo: str | None, **options: Any) -> None:
        given = Target() if _comes_first("demo", "url") else Target(url or "")
        command(url=choose(given, lambda: _running(demo or "")).url, **options)

    return click.option(
        "--url",
        callback=_refuse_empty,
        envvar="TONARI_URL",
        show_envvar=True,
        metavar="URL",
        help="The API; default: the running demo.",
    )(_takes_demo(run))


takes_endpoint = click.option(
    "--endpoint-url",
    "endpoint",
    callback=_refuse_empty,
    metavar="URL",
    help="An S3 server other than AWS, such as MinIO.",
)


def takes_buckets(*names: str, unless: str = "") -> Callable[[Command], Command]:
    """Give a command options for the buckets ``catalogue`` or ``artefacts`` and, as ``target``, what they mean.

    ``unless`` is an option under which the command needs no bucket, so that nobody looks for a running server.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*, endpoint: str | None, demo: str | None, **options: Any) -> None:
            buckets: dict[str, Any] = {name: options.pop(name) or "" for name in names}
            first = _comes_first("demo", "endpoint", *names)
            given = Target() if first else Target(endpoint=endpoint or "", **buckets)
            needed = not options.get(unless)
            command(target=choose(given, lambda: _running(demo or "", say=True) if needed else None), **options)

        decorated = takes_endpoint(_takes_demo(run))
        for name in reversed(names):
            which = f"The {name.removesuffix('s')} bucket, or a folder; default: the running demo's."
            decorated = click.option(
                f"--{name}",
                callback=_refuse_empty,
                envvar=BUCKET_VARIABLES[name],
                show_envvar=True,
                metavar="BUCKET",
                help=which,
            )(decorated)
        return decorated

    return decorate


def _comes_first(demo: str, *others: str) -> bool:
    """Tell whether a demo was named by a flag, which beats variables; beside another flag it is an error."""
    source = get_current_context().get_parameter_source
    if source(demo) is not ParameterSource.COMMANDLINE:
        return False
    for other in others:
        if source(other) is ParameterSource.COMMANDLINE:
            flag = "--endpoint-url" if other == "endpoint" else f"--{other}"
            raise InvalidRequestError(f"--demo and {flag} name two different places: give one of them.")
    return True


def _running(name: str, *, say: bool = False) -> Target | None:
    """Find the server that is meant; ``say`` which, on stderr, before something is done to its buckets."""
    from tonari_tools.serve.registry import choose as choose_running
    from tonari_tools.serve.registry import find_all

    found = choose_running(find_all(), name, Path.cwd())
    if found is None:
        return None
    if say:
        click.echo(f"tonari: the demo {found.name} ({found.url}, {found.catalogue})", err=True)
    return Target(found.url, found.endpoint, found.catalogue, found.artefacts, found.memory, found.engine)
