"""A queue -> a function, like Lambda's event source mapping (with ``ReportBatchItemFailures``)."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aws.aws_admin import Queue
from aws.functions import FunctionError
from tonari.errors import TonariError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

BATCH = 100
WINDOW = 0.5
LONG_POLL = 1
PAUSE = 1.0


class Pump:
    """Carries messages from a queue to a function and deletes those that it is done with.

    The others come back when their visibility timeout has passed, and end in the dead-letter queue.

    Parameters
    ----------
    queue
        Where they come from.
    invoke
        Runs the function on an event.
    log
        Takes why a batch failed.
    """

    def __init__(self, queue: Queue, invoke: Callable[[bytes], bytes], log: Callable[[str], object]) -> None:
        self._queue = queue
        self._invoke = invoke
        self._log = log

    def run(self, stop: threading.Event) -> None:
        """Carry messages until told to stop."""
        while not stop.is_set():
            try:
                messages = self.collect()
                if messages and not stop.is_set():
                    self.carry(messages)
            except TonariError as error:
                if stop.wait(PAUSE):
                    return
                self._log(f"reindex: {error.detail}\n")

    def collect(self) -> list[MessageTypeDef]:
        """Wait for messages; give those that come within half a second of the first, at most 100, none twice.

        Raises
        ------
        StoreError
            If the queue does not answer.
        """
        messages = {message["MessageId"]: message for message in self._queue.receive(BATCH, LONG_POLL)}
        deadline = time.monotonic() + WINDOW
        while messages and len(messages) < BATCH and time.monotonic() < deadline:
            more = self._queue.receive(BATCH - len(messages), 0)
            messages |= {message["MessageId"]: message for message in more}
            if not more:
                time.sleep(WINDOW / 10)
        return list(messages.values())

    def carry(self, messages: Sequence[MessageTypeDef]) -> None:
        """Run the function on a batch and delete what it did not report as failed.

        Raises
        ------
        FunctionError
            If it fails as a whole or its answer is not of the documented form; nothing is deleted then.
        StoreError
            If the queue does not answer.
        """
        answer = self._invoke(json.dumps(sqs_event(messages, self._queue.arn, self._queue.region)).encode())
        failed = failures(answer, {message["MessageId"] for message in messages})
        if failed:
            self._log(f"reindex: {len(failed)} of {len(messages)} messages failed and will come again\n")
        self._queue.delete([message for message in messages if message["MessageId"] not in failed])


def sqs_event(messages: Sequence[MessageTypeDef], arn: str, region: str) -> dict[str, Any]:
    """Make the event of a batch; see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {
                    name: {member[0].lower() + member[1:]: value for member, value in attribute.items()}
                    for name, attribute in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": hashlib.md5(message["Body"].encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": region,
            }
            for message in messages
        ]
    }


def failures(answer: bytes, known: set[str]) -> set[str]:
    """Read which messages a function failed on.

    See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html.

    Raises
    ------
    FunctionError
        If the answer is not of that form or names a message that was not in the batch: all of it has failed then.
    """
    try:
        document = json.loads(answer) or {}
        failed = {failure["itemIdentifier"] for failure in document.get("batchItemFailures") or []}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FunctionError("Pump.BadAnswer", f"Not a report of batch item failures: {answer[:200]!r}") from error
    if not failed <= known:
        raise FunctionError("Pump.BadAnswer", f"The report names messages that were not in the batch: {failed - known}")
    return failed
