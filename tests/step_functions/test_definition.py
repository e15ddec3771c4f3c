"""The definition in the template, held against the schema of the Amazon States Language that cfn-lint brings along."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.expansion import OFFLINE, TOOLS
from step_functions.definition import definition
from tonari.aws.rebuild_event import RebuildEvent
from tonari.builds.shards import PLANS

MADE = definition(RebuildFunction="shop-rebuild", ArtefactBucket="artefacts", EncodingConcurrency="40")
PASSING = {
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
}


def states(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in part["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def lint(made: dict[str, Any], folder: Path) -> str:
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/machine", "Definition": made}
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    (folder / "machine.json").write_text(json.dumps({"Resources": {"Machine": resource}}))
    run = subprocess.run(
        [TOOLS / "cfn-lint", folder / "machine.json"], capture_output=True, text=True, check=False, env=OFFLINE
    )
    return run.stdout + run.stderr


def test_it_is_of_the_states_language(tmp_path: Path) -> None:
    assert lint(MADE, tmp_path) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"MaxConcurrency": 40', '"MaxConcurrency": "forty"'),
        ('"Type": "Succeed"', '"Type": "Success"'),
        ('"StartAt": "Plan"', '"StartAt": "Begin"'),
    ],
)
def test_the_schema_sees_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = json.dumps(MADE)
    assert old in text
    assert lint(json.loads(text.replace(old, new)), tmp_path) != ""


@pytest.mark.parametrize("part", [MADE, MADE["States"]["Encode"]["ItemProcessor"]], ids=["machine", "child"])
def test_every_state_is_reached_and_every_way_leads_somewhere(part: dict[str, Any]) -> None:
    ways = [part["StartAt"]]
    for state in part["States"].values():
        branches = [state, *state.get("Catch", []), *state.get("Choices", [])]
        ways += [branch[name] for branch in branches for name in ("Next", "Default") if name in branch]
    assert set(ways) == set(part["States"])


def test_children_are_their_own_executions_and_read_the_list_from_the_bucket() -> None:
    found = MADE["States"]["Encode"]
    assert found["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert found["ItemReader"]["Parameters"]["Bucket"] == "artefacts"
    assert found["MaxConcurrency"] == 40
    assert PLANS == "work/plans/"  # which the template's role may read


@pytest.mark.parametrize("name", [name for name, state in states(MADE) if state["Type"] == "Task"])
def test_every_task_outlasts_throttles_and_tries_no_lost_cause_again(name: str) -> None:
    state = dict(states(MADE))[name]
    hopeless, passing, others = state["Retry"]
    assert hopeless["MaxAttempts"] == 0
    assert {*passing["ErrorEquals"]} == PASSING
    assert passing["MaxAttempts"] * passing["MaxDelaySeconds"] > 12 * 3600
    assert (others["ErrorEquals"], others["MaxAttempts"]) == (["States.ALL"], 3)
    assert [catcher["ErrorEquals"] for catcher in state["Catch"]] == [["States.ALL"]]


def test_what_tasks_send_are_events_of_the_function() -> None:
    sent = [state["Parameters"]["Payload"] for _, state in states(MADE) if state["Type"] == "Task"]
    assert {one["step"] for one in sent} == {"plan", "encode", "publish", "give_up"}
    assert {name.removesuffix(".$") for one in sent for name in one} <= {*RebuildEvent.__struct_fields__}
