"""A small interpreter of the Amazon States Language [states-language.net]: as much of it as our definition uses.

What it does not know it refuses, so that a definition that outgrows it is seen. Waiting takes no time, and is counted.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

State = Mapping[str, Any]
FIELDS = {
    "Task": {
        "Type", "Resource", "Parameters", "OutputPath", "ResultPath", "Retry", "Catch", "Next", "End",
    },
    "Map": {
        "Type", "Label", "MaxConcurrency", "ToleratedFailurePercentage", "ItemReader", "ItemSelector", "ItemProcessor",
        "ResultPath", "Catch", "Next",
    },
    "Choice": {"Type", "Choices", "Default"},
    "Pass": {"Type", "Parameters", "End"},
    "Succeed": {"Type"},
    "Fail": {"Type", "ErrorPath", "CausePath"},
}  # fmt: skip
PAYLOAD = 256 * 1024
"""Bytes of JSON that pass between two states, or into and out of a child."""
MOST_EVENTS = 25_000
"""In the history of one execution."""


class StateError(Exception):
    """What a state failed with, as the language has it."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


@dataclass
class Counts:
    """What an execution, its children among them, took.

    Parameters
    ----------
    transitions
        Changes of state, each attempt of a task among them: what a standard workflow is billed by.
    retried
        By error.
    seconds
        That retries waited, were they one after the other.
    children
        Executions that the map started.
    events
        At least so many entries in the longest history of one execution.
    largest
        Bytes of the largest value between two states.
    """

    transitions: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    children: int = 0
    events: int = 0
    largest: int = 0


class Machine:
    """Runs executions of a state machine.

    Parameters
    ----------
    invoke
        Gives the answer of the function to a payload, or raises :class:`StateError`.
    read
        Gives the bytes of an object, by bucket and key.
    order
        Decides which child of a map runs when.
    at_once
        Children that run at the same time, in threads; however many the definition allows if it is 0.
    """

    def __init__(
        self,
        definition: State,
        invoke: Callable[[Any], Any],
        read: Callable[[str, str], bytes],
        order: Callable[[list[Any]], Iterable[Any]] = iter,
        at_once: int = 0,
    ) -> None:
        self._definition, self._invoke, self._read = definition, invoke, read
        self._order, self._at_once = order, at_once
        self._lock = threading.Lock()
        self.counts = Counts()

    def run(self, given: Any) -> Any:
        """Run an execution; gives its output.

        Raises
        ------
        StateError
            If it fails.
        """
        return self._walk(self._definition, given, {})

    def _walk(self, part: State, given: Any, context: State) -> Any:
        name, value, events = part["StartAt"], given, 0
        while True:
            state = part["States"][name]
            unknown = state.keys() - FIELDS.get(state["Type"], set())
            assert not unknown, f"{name}: {unknown}"
            events += 2
            self._count(value, events)
            if state["Type"] == "Succeed":
                return value
            value, name, tried = self._step(state, value, context)
            events += 3 * tried
            self._count(value, events)
            if not name:
                return value

    def _count(self, value: Any, events: int) -> None:
        size = len(json.dumps(value))
        if size > PAYLOAD:
            raise StateError("States.DataLimitExceeded", f"{size} bytes")
        assert events < MOST_EVENTS
        with self._lock:
            self.counts.transitions += 1
            self.counts.largest = max(self.counts.largest, size)
            self.counts.events = max(self.counts.events, events)

    def _step(self, state: State, value: Any, context: State) -> tuple[Any, str, int]:
        """Give what a state makes of a value, the next one (empty at the end), and how often a task was tried."""
        following = state.get("Next", "")
        match state["Type"]:
            case "Task":
                return self._task(state, value, context)
            case "Map":
                try:
                    result = self._map(state, value)
                except StateError as error:
                    return (*_caught(state, value, error), 1)
                return _placed(state, value, result), following, 1
            case "Choice":
                return value, _chosen(state, value), 0
            case "Pass":
                return _filled(state["Parameters"], value, context), following, 0
            case _:
                raise StateError(_at(state["ErrorPath"], value), _at(state["CausePath"], value))

    def _task(self, state: State, value: Any, context: State) -> tuple[Any, str, int]:
        assert state["Resource"] == "arn:aws:states:::lambda:invoke"
        spent: Counter[int] = Counter()
        while True:
            try:
                sent = _filled(state["Parameters"], value, context)["Payload"]
                self._count(sent, 0)
                answer = {"StatusCode": 200, "Payload": self._invoke(sent)}
            except StateError as error:
                number, retrier = _retrier(state, error)
                if retrier is None or spent[number] >= retrier.get("MaxAttempts", 3):
                    return (*_caught(state, value, error), 1 + spent.total())
                wait = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** spent[number]
                spent[number] += 1
                with self._lock:
                    self.counts.seconds += min(wait, retrier.get("MaxDelaySeconds", float("inf")))
                    self.counts.retried[error.error] += 1
                    self.counts.transitions += 1
                continue
            return (
                _at(state.get("OutputPath", "$"), _placed(state, value, answer)),
                state.get("Next", ""),
                1 + spent.total(),
            )

    def _map(self, state: State, value: Any) -> list[Any]:
        processor, reader = state["ItemProcessor"], state["ItemReader"]
        assert processor["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        assert state["ToleratedFailurePercentage"] == 100
        where = _filled(reader["Parameters"], value, {})
        try:
            items = json.loads(self._read(where["Bucket"], where["Key"]))
        except Exception as error:
            raise StateError("States.ItemReaderFailed", str(error)) from error
        results: list[Any] = [None] * len(items)

        def child(number: int) -> None:
            context = {"Map": {"Item": {"Index": number, "Value": items[number]}}}
            given = _filled(state["ItemSelector"], value, context)
            try:
                results[number] = self._walk(processor, given, context)
            except StateError as error:
                results[number] = {"Error": error.error}

        with self._lock:
            self.counts.children += len(items)
        most = state["MaxConcurrency"]
        with ThreadPoolExecutor(self._at_once or most) as pool:
            list(pool.map(child, self._order(list(range(len(items))))))
        return results


def _retrier(state: State, error: StateError) -> tuple[int, State | None]:
    found = (pair for pair in enumerate(state.get("Retry", [])) if _matches(pair[1], error))
    return next(found, (-1, None))


def _caught(state: State, value: Any, error: StateError) -> tuple[Any, str]:
    for catcher in state.get("Catch", []):
        if _matches(catcher, error):
            return _placed(catcher, value, {"Error": error.error, "Cause": error.cause}), catcher["Next"]
    raise error


def _matches(rule: State, error: StateError) -> bool:
    names = rule["ErrorEquals"]
    return error.error in names or ("States.ALL" in names and error.error != "States.DataLimitExceeded")


def _chosen(state: State, value: Any) -> str:
    for choice in state["Choices"]:
        assert choice.keys() == {"Variable", "StringEquals", "Next"}
        if _at(choice["Variable"], value) == choice["StringEquals"]:
            return str(choice["Next"])
    return str(state["Default"])


def _placed(state: State, value: Any, result: Any) -> Any:
    path = state.get("ResultPath", "$")
    match path:
        case None:
            return value
        case "$":
            return result
        case _:
            (name,) = path.removeprefix("$.").split(".")
            return {**value, name: result}


def _filled(template: Any, value: Any, context: State) -> Any:
    if not isinstance(template, Mapping):
        return template
    return dict(_members(template, value, context))


def _members(template: State, value: Any, context: State) -> Iterator[tuple[str, Any]]:
    for name, said in template.items():
        if not name.endswith(".$"):
            yield name, _filled(said, value, context)
        elif said.startswith("$$."):
            yield name[:-2], _at(said[1:], context)
        else:
            yield name[:-2], _at(said, value)


def _at(path: str, value: Any) -> Any:
    for name in path.split(".")[1:]:
        if not isinstance(value, Mapping) or name not in value:
            raise StateError("States.ParameterPathFailure", f"there is no {path}")
        value = value[name]
    return value
