"""What the template promises, read off the CloudFormation that SAM's own translator makes of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from contract import access_checks as access
from contract import operation_checks as operation
from contract.expansion import OFFLINE, ROOT, TOOLS, Template, expand

TEMPLATE = ROOT / "template.yaml"

# Each check, and an edit of the template that it must object to.
CHECKS: list[tuple[Callable[[Template], list[str]], str, str]] = [
    (access.wide_grants, "Action: [s3:PutObject, s3:DeleteObject]", "Action: s3:*"),
    (
        access.foreign_policies,
        "      Policies:\n",
        "      Policies:\n        - arn:aws:iam::aws:policy/AmazonS3FullAccess\n",
    ),
    (
        access.changes_beyond,
        "!Sub ${ArtefactBucket.Arn}/uploads/*\n  QueryLog",
        "!Sub ${ArtefactBucket.Arn}/*\n  QueryLog",
    ),
    (access.blind_roles, "[!GetAtt CatalogueBucket.Arn, !GetAtt ArtefactBucket.Arn]", "!GetAtt CatalogueBucket.Arn"),
    (access.open_writes, "AuthorizationType: AWS_IAM", "AuthorizationType: NONE"),
    (operation.unthrottled, "          ThrottlingRateLimit: 10\n", ""),
    (operation.unlogged, "    Properties:\n      RetentionInDays: !Ref LogRetention\n", "    Properties: {}\n"),
    (operation.careless_queue, "VisibilityTimeout: 730", "VisibilityTimeout: 120"),
    (operation.deaf_queue, "Value: images/", "Value: pictures/"),
    (access.open_queue, "s3:::tonari-catalogue-${AWS::AccountId}-${Stamp}", "s3:::tonari-*"),
    (access.exposed_buckets, "BlockPublicPolicy: true", "BlockPublicPolicy: false"),
    (operation.fleeting_objects, "            Prefix: uploads/\n", ""),
    (operation.misfit_functions, "Runtime: python3.13", "Runtime: python3.12"),
    (operation.other_margins, "    Default: 0.03\n", "    Default: 0.3\n"),
    (operation.crowded_processors, 'OPENBLAS_NUM_THREADS: "1"', 'OPENBLAS_NUM_THREADS: "4"'),
    (operation.unset_settings, "        TONARI_HEAD_MAX_AGE: !Ref HeadMaxAge\n", ""),
    (
        access.unreachable_rebuild,
        "FunctionName: !Sub ${AWS::StackName}-rebuild",
        "FunctionName: !Sub ${AWS::StackName}-build",
    ),
    (operation.reserved_by_default, "    Default: 0\n    MinValue: 0\n", "    Default: 1\n    MinValue: 0\n"),
    (operation.late_answers, "      Timeout: 29", "      Timeout: 60"),
]


def named(value: object) -> str | None:
    return value.__name__ if callable(value) else ""


@pytest.fixture(scope="module")
def expanded() -> dict[str, Template]:
    """What CloudFormation gets of the template as it is (under the empty name) and of each edited one."""
    text = TEMPLATE.read_text()
    texts = {"": text} | {check.__name__: text.replace(old, new) for check, old, new in CHECKS}
    return expand(texts)


@pytest.mark.parametrize("check", [check for check, _, _ in CHECKS], ids=named)
def test_the_template_keeps(check: Callable[[Template], list[str]], expanded: dict[str, Template]) -> None:
    assert check(expanded[""]) == []


@pytest.mark.parametrize("check", [check for check, _, _ in CHECKS], ids=named)
def test_an_edited_template_breaks(check: Callable[[Template], list[str]], expanded: dict[str, Template]) -> None:
    assert check(expanded[check.__name__]) != []


@pytest.mark.parametrize(
    "command",
    [("sam", "validate", "-t"), ("sam", "validate", "--lint", "-t"), ("cfn-lint",)],
    ids=" ".join,
)
def test_the_linters_agree(command: tuple[str, ...]) -> None:
    run = subprocess.run(
        [TOOLS / command[0], *command[1:], TEMPLATE], capture_output=True, text=True, check=False, env=OFFLINE
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_yaml_aliases() -> None:
    """CloudFormation accepts none, though every tool before it does."""
    assert re.findall(r"(?:[:-] )[&*][A-Za-z]\w*", TEMPLATE.read_text()) == []
