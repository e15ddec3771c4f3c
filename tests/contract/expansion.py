"""The template as CloudFormation gets it, and ways to look things up in that."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv" / "template" / "bin"
OFFLINE = os.environ | {"AWS_DEFAULT_REGION": "eu-west-1", "SAM_CLI_TELEMETRY": "0"}
NOTHING = {"Ref": "AWS::NoValue"}
Template = dict[str, Any]

# Runs where the translator is installed: {name: template text} on stdin, {name: CloudFormation} on stdout. Code lies on
# S3 by the time CloudFormation meets the template, and the one managed policy is looked up in the account.
EXPAND = """
import json, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class ManagedPolicies:
    def load(self):
        name = "service-role/AWSLambdaBasicExecutionRole"
        return {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/" + name}

def expand(text):
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & set(resource["Properties"]):
            resource["Properties"][place] = "s3://code/" + resource["Properties"][place]
    return transform(template, {}, ManagedPolicies())

json.dump({name: expand(text) for name, text in json.load(sys.stdin).items()}, sys.stdout)
"""


def expand(texts: dict[str, str]) -> dict[str, Template]:
    """CloudFormation of each SAM template text, under the same name."""
    run = subprocess.run(
        [TOOLS / "python", "-c", EXPAND],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
        env=OFFLINE,
    )
    assert run.returncode == 0, run.stderr
    templates: dict[str, Template] = json.loads(run.stdout)
    return templates


def of_type(template: Template, kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def grants(role: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, resource) pairs that a role's own policies allow; Sub, GetAtt and the like by what they say."""
    for policy in role.get("Policies", []):
        yield from granted(policy)


def granted(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(action, resource) pairs that one policy allows."""
    for statement in policy["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow":
            for action, resource in itertools.product(as_list(statement["Action"]), as_list(statement["Resource"])):
                yield action, resource if isinstance(resource, str) else str(next(iter(resource.values())))


def deployed(template: Template, **parameters: str) -> Template:
    """What is left of a template where parameters have these values, all others those that they have by default."""
    given = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()} | parameters
    held = {name: _holds(condition, given) for name, condition in template["Conditions"].items()}
    there = {
        name: resource
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or held[resource["Condition"]]
    }
    resolved: Template = _chosen({**template, "Resources": there}, held)
    return resolved


def _holds(condition: Any, given: dict[str, str]) -> bool:
    ((function, arguments),) = condition.items()
    match function:
        case "Fn::Not":
            return not _holds(arguments[0], given)
        case "Fn::Equals":
            one, other = (_text(argument, given) for argument in arguments)
            return one == other
    raise AssertionError(function)


def _text(value: Any, given: dict[str, str]) -> str:
    match value:
        case {"Ref": name}:
            return given[name]
        case {"Fn::Join": [_, {"Ref": name}]}:
            return given[name].replace(",", "")
        case _:
            return str(value)


def _chosen(value: Any, held: dict[str, bool]) -> Any:
    """Decide every Fn::If; what is AWS::NoValue then is left out."""
    match value:
        case {"Fn::If": [condition, there, otherwise]}:
            return _chosen(there if held[condition] else otherwise, held)
        case dict():
            members = ((name, _chosen(member, held)) for name, member in value.items() if name != "Conditions")
            return {name: member for name, member in members if member != NOTHING}
        case list():
            return [member for member in (_chosen(one, held) for one in value) if member != NOTHING]
        case _:
            return value
