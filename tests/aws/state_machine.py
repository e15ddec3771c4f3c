"""Step Functions of MiniStack, whose tasks run our functions under the runtime emulator."""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import dataclass
from typing import Any

import boto3

from aws.services import Endpoint
from step_functions.definition import definition

PATIENCE_SECONDS = 300.0
FORWARD = """#!/usr/bin/env python3
import os
from urllib.request import ProxyHandler, Request, build_opener

ask = build_opener(ProxyHandler({})).open
runtime = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with ask(f"{runtime}/next") as event:
        said, number = event.read(), event.headers["Lambda-Runtime-Aws-Request-Id"]
    with ask(Request(os.environ["INVOKE_URL"], said)) as answer:
        body, failed = answer.read(), answer.headers.get("x-amz-function-error")
    ask(Request(f"{runtime}/{number}/{'error' if failed else 'response'}", body)).close()
"""
"""MiniStack runs Lambda functions on its own interpreter, without the runtime client: this one, a runtime of its own,
hands each event to the emulator that runs ours, and gives back its answer or its error as they come."""
ROLE = "arn:aws:iam::000000000000:role/any"


@dataclass(frozen=True)
class Execution:
    """How an execution ended, and what became of the children of its map."""

    status: str
    output: dict[str, Any]
    error: str
    cause: str
    children: dict[str, int]
    concurrency: int


class StateMachine:
    """The state machine of the template, deployed.

    Parameters
    ----------
    invoke_url
        Where the local Lambda invokes the rebuild function.
    name
        Of the machine and its forwarding function.
    artefacts
        Name of the bucket.
    concurrency
        Children at once.
    """

    def __init__(self, endpoint: Endpoint, invoke_url: str, name: str, artefacts: str, concurrency: int) -> None:
        session = boto3.session.Session(endpoint.access_key, endpoint.secret_key, region_name=endpoint.region)
        functions = session.client("lambda", endpoint_url=endpoint.url)
        self._states: Any = session.client("stepfunctions", endpoint_url=endpoint.url)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            bootstrap = zipfile.ZipInfo("bootstrap")
            bootstrap.external_attr = 0o755 << 16
            file.writestr(bootstrap, FORWARD)
        functions.create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Handler="bootstrap",
            Role=ROLE,
            Code={"ZipFile": archive.getvalue()},
            Timeout=900,
            Environment={"Variables": {"INVOKE_URL": invoke_url}},
        )
        functions.close()
        made = definition(RebuildFunction=name, ArtefactBucket=artefacts, EncodingConcurrency=str(concurrency))
        self.arn: str = self._states.create_state_machine(name=name, definition=json.dumps(made), roleArn=ROLE)[
            "stateMachineArn"
        ]

    def close(self) -> None:
        """Give up connections."""
        self._states.close()

    def wait(self, build: str) -> Execution:
        """Wait until the execution of a rebuild has ended."""
        arn = f"{self.arn.replace(':stateMachine:', ':execution:')}:{build}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self._states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < deadline, "the execution does not end"
            time.sleep(0.2)
        runs = self._states.list_map_runs(executionArn=arn)["mapRuns"]
        about = self._states.describe_map_run(mapRunArn=runs[0]["mapRunArn"]) if runs else {}
        return Execution(
            found["status"],
            json.loads(found.get("output") or "{}"),
            found.get("error", ""),
            found.get("cause", ""),
            about.get("executionCounts", {}),
            about.get("maxConcurrency", 0),
        )
