"""The plain worker process: ``python -m tonari_tools.serve.worker MODULE.FUNCTION``, a socket as its standard input.

Each message in is a length (4 bytes, big-endian), a JSON object of the context (``id``, ``deadline`` in seconds since
the epoch) and another length and the event; each message out is one byte, ``=`` for an answer or ``!`` for an error,
a length and the JSON document. What the handler prints goes to the log. Its answers and errors are those of Lambda's
own runtime client, which a contract test holds it to.
"""

from __future__ import annotations

import decimal
import importlib
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LENGTH = struct.Struct(">I")
ANSWER = b"="
ERROR = b"!"


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is told about its invocation."""

    aws_request_id: str
    deadline: float
    function_name: str
    memory_limit_in_mb: str
    function_version: str = "$LATEST"

    @property
    def invoked_function_arn(self) -> str:
        """The function's name, as AWS writes it."""
        return f"arn:aws:lambda:us-east-1:012345678912:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds that are left of the function's timeout."""
        return max(0, int((self.deadline - time.time()) * 1000))


def main(arguments: list[str]) -> None:
    """Serve until the other side hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(format="[%(levelname)s]\t%(asctime)s\t%(message)s")
    module, _, name = arguments[0].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    with socket.socket(fileno=os.dup(0)) as channel:
        while (head := receive(channel)) is not None and (event := receive(channel)) is not None:
            reported = json.loads(head)
            context = Context(
                reported["id"],
                reported["deadline"],
                os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
                os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
            )
            kind, payload = _run(handler, event, context)
            channel.sendall(kind + LENGTH.pack(len(payload)) + payload)


def receive(channel: socket.socket) -> bytes | None:
    """Read one length and as many bytes, or None where the other side hangs up."""
    length = exactly(channel, LENGTH.size)
    return None if length is None else exactly(channel, LENGTH.unpack(length)[0])


def exactly(channel: socket.socket, count: int) -> bytes | None:
    """Read ``count`` bytes, or None where the other side hangs up first."""
    buffer = bytearray(count)
    view, filled = memoryview(buffer), 0
    while filled < count:
        got = channel.recv_into(view[filled:])
        if got == 0:
            return None
        filled += got
    return bytes(buffer)


def _run(handler: Callable[[Any, Context], Any], event: bytes, context: Context) -> tuple[bytes, bytes]:
    try:
        document = json.loads(event)
    except ValueError as error:
        return _error("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}", context, [])
    try:
        answer = handler(document, context)
    except Exception as error:  # noqa: BLE001  whatever a handler raises is its answer
        stack = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        return _error(type(error).__name__, str(error), context, stack)
    try:
        return ANSWER, json.dumps(answer, ensure_ascii=False, default=_number).encode()
    except (TypeError, ValueError) as error:
        return _error("Runtime.MarshalError", f"Unable to marshal response: {error}", context, [])


def _error(kind: str, message: str, context: Context, stack: list[str]) -> tuple[bytes, bytes]:
    print(f"[ERROR] {kind}: {message}", *stack, sep="\n", file=sys.stderr)
    document = {
        "errorMessage": message,
        "errorType": kind,
        "requestId": context.aws_request_id,
        "stackTrace": stack,
    }
    return ERROR, json.dumps(document).encode()


def _number(value: object) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


if __name__ == "__main__":
    main(sys.argv[1:])
