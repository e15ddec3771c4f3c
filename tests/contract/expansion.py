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
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                for action, resource in itertools.product(as_list(statement["Action"]), as_list(statement["Resource"])):
                    yield action, resource if isinstance(resource, str) else str(next(iter(resource.values())))
