"""What a function is, and the ways in which an invocation fails."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tonari
from aws.child import Command
from aws.processes import plain_environment
from tonari.errors import TonariError, TooLargeError
from tonari_tools.serve.listener import LocalServiceError

ENGINE = Path(tonari.__file__).parents[1]
HANDLER = "handler.handler"
MAX_REQUEST = 6 * 1024 * 1024
MAX_RESPONSE = MAX_REQUEST + 100


class FunctionError(TonariError):
    """A handler that raised, answered too much, or whose process ended.

    Parameters
    ----------
    kind
        What Lambda calls ``errorType``: the exception's class, ``Runtime.ExitError``, ``Sandbox.Timedout``, ...
    message
        What Lambda calls ``errorMessage``.
    payload
        The error as Lambda gives it to a caller: a JSON document.
    """

    status = 502
    slug = "function-error"
    title = "A function failed"

    def __init__(self, kind: str, message: str, payload: bytes | None = None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.payload = payload or json.dumps({"errorType": kind, "errorMessage": message}).encode()


class FunctionTimeoutError(FunctionError):
    """A handler that took longer than its function may."""

    status = 504
    slug = "function-timeout"
    title = "A function took too long"

    def __init__(self, seconds: float) -> None:
        super().__init__("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")


@dataclass(frozen=True, slots=True)
class Function:
    """One function, as the template describes it.

    Parameters
    ----------
    name
        Its name.
    folder
        Where its ``handler.py`` lies.
    environment
        Variables beside Lambda's own.
    log
        File to which its output is appended.
    timeout
        Seconds that one invocation may take.
    memory
        MB that it is told to have; nothing here holds it to that.
    """

    name: str
    folder: Path
    environment: Mapping[str, str]
    log: Path
    timeout: float = 30.0
    memory: int = 1769

    def command(self, *arguments: str) -> Command:
        """Run a program as this function: no variable of ours gets through but the plain ones."""
        variables = {
            **plain_environment(),
            "PYTHONPATH": f"{self.folder}:{ENGINE}",
            "PYTHONUNBUFFERED": "1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{self.timeout:.0f}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory),
            "LAMBDA_TASK_ROOT": str(self.folder),
            "_HANDLER": HANDLER,
            **self.environment,
        }
        return Command(arguments, variables, self.folder, self.log)


def find_emulator(prefix: Path = Path(sys.prefix)) -> Path:
    """Find Lambda's runtime interface emulator, which aws-sam-cli brings along.

    Raises
    ------
    LocalServiceError
        If it is not installed.
    """
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), "")
    pattern = f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    for found in sorted((prefix / "services").glob(pattern)):
        return found
    raise LocalServiceError("Lambda's runtime emulator is missing. Install it with: make .venv/.services")


def check_request(event: bytes) -> None:
    """Refuse an event that Lambda would refuse.

    Raises
    ------
    TooLargeError
        If it has more than 6 MB.
    """
    if len(event) > MAX_REQUEST:
        raise TooLargeError(
            f"A function takes at most {MAX_REQUEST} bytes; this event has {len(event)}. "
            "Upload large pictures (POST /v1/uploads) and name the upload."
        )


def check_response(response: bytes) -> bytes:
    """Give the response, unless Lambda would refuse it.

    Raises
    ------
    FunctionError
        If it has more than 6 MB (and the 100 bytes that Lambda adds to that).
    """
    if len(response) > MAX_RESPONSE:
        raise FunctionError(
            "Function.ResponseSizeTooLarge",
            f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).",
        )
    return response


def failure(payload: bytes) -> FunctionError:
    """Read the JSON document by which a runtime reports an error."""
    document = json.loads(payload)
    return FunctionError(str(document.get("errorType")), str(document.get("errorMessage")), payload)
