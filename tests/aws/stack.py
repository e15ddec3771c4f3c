"""tonari as it is deployed, on this machine: MiniStack, the four handlers under the runtime emulator, the gateway."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws.aws_admin import Admin
from aws.environments import Environment
from aws.functions import Function, find_emulator
from aws.gateway import Gateway
from aws.lambda_api import LambdaApi
from aws.pool import Pool
from aws.pump import Pump
from aws.services import Endpoint
from aws.state_machine import StateMachine
from tonari.contract.routes import WRITING
from tonari_tools.serve.listener import Listener

HANDLERS = Path(__file__).parents[2] / "functions"
Invoke = Callable[[bytes], bytes]
TIMEOUTS = {"query": 29, "items": 29, "reindex": 60, "rebuild": 900}


@dataclass(frozen=True)
class Stack:
    """Where the deployed API answers, its two buckets, and what runs the rebuild function."""

    url: str
    catalogue: str
    artefacts: str
    rebuild: Callable[[], dict[str, Any]]
    follow: Callable[[], None]
    """From now on changes of the catalogue are carried to the reindex function."""
    machine: StateMachine | None = None
    log: Callable[[], str] = str
    """What the rebuild function has logged."""


@contextlib.contextmanager
def deployed(
    endpoint: Endpoint,
    folder: Path,
    shard: int = 0,
    at_once: int = 1,
    misfortune: Callable[[Invoke], Invoke] = lambda invoke: invoke,
) -> Iterator[Stack]:
    """Start it over two new buckets.

    Parameters
    ----------
    shard
        Views in a shard of a rebuild by Step Functions; 0 for rebuilds by one function.
    at_once
        Shards that are encoded at once.
    misfortune
        Makes invocations of the rebuild function go wrong.
    """
    unique = uuid.uuid4().hex[:12]
    catalogue, artefacts = f"catalogue-{unique}", f"artefacts-{unique}"
    log: list[str] = []
    invokers: dict[str, Callable[[bytes], bytes]] = {}
    emulator = find_emulator()
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(contextlib.closing(Admin(endpoint)))
        for bucket in (catalogue, artefacts):
            admin.create_bucket(bucket)
        queue = admin.create_queue(f"changes-{unique}")
        lambda_listener = stack.enter_context(Listener())
        lambda_listener.serve(stack.enter_context(contextlib.closing(LambdaApi(invokers, log.append))))
        variables = {
            **endpoint.environment(),
            "AWS_ENDPOINT_URL_LAMBDA": lambda_listener.url,
            "TONARI_CATALOGUE_BUCKET": catalogue,
            "TONARI_ARTEFACT_BUCKET": artefacts,
            "TONARI_REBUILD_FUNCTION": "tonari-rebuild",
            "TONARI_HEAD_MAX_AGE": "0",
            "TONARI_CACHE_DIR": str(folder / "cache"),
            "OPENBLAS_NUM_THREADS": "1",
        }
        machine = None
        if shard:
            url = f"{lambda_listener.url}/2015-03-31/functions/tonari-rebuild/invocations"
            machine = StateMachine(endpoint, url, f"rebuild-{unique}", artefacts, at_once)
            stack.enter_context(contextlib.closing(machine))
            variables |= {"TONARI_REBUILD_MACHINE": machine.arn, "TONARI_SHARD": str(shard)}
        for name, timeout in TIMEOUTS.items():
            function = Function(f"tonari-{name}", HANDLERS / name, variables, folder / f"{name}.log", timeout)
            environments = at_once if name == "rebuild" else 1
            pool = stack.enter_context(Pool(lambda function=function: Environment(function, emulator), environments))
            invokers[f"tonari-{name}"] = misfortune(pool.invoke) if name == "rebuild" else pool.invoke
        writes = {f"{route.method} {route.path}": invokers["tonari-items"] for route in WRITING}
        gateway = Gateway(invokers["tonari-query"], log.append, routes=writes)
        stack.enter_context(contextlib.closing(gateway))
        listener = stack.enter_context(Listener())
        listener.serve(gateway)
        pump = threading.Thread(target=Pump(queue, invokers["tonari-reindex"], log.append).run, args=(stop,))

        def follow() -> None:
            admin.notify(catalogue, queue)
            pump.start()

        def rebuild() -> dict[str, Any]:
            answer: dict[str, Any] = json.loads(invokers["tonari-rebuild"](b"{}"))
            return answer

        log_of_rebuilds = (folder / "rebuild.log").read_text
        yield Stack(listener.url, catalogue, artefacts, rebuild, follow, machine, log_of_rebuilds)
        stop.set()
        if pump.ident is not None:
            pump.join()
