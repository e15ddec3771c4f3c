"""What the template promises, read off the CloudFormation that SAM's own translator makes of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import access_checks as access
from contract import alarm_checks as alarms
from contract import operation_checks as operation
from contract.expansion import OFFLINE, ROOT, TOOLS, Template, expand, of_type

TEMPLATE = ROOT / "template.yaml"

PUT_ROUTE = "RouteKey: PUT /v1/items/{id}\n      Target: !Sub integrations/${ItemsIntegration}"

# Each check, and an edit of the template that it must object to.
CHECKS: list[tuple[Callable[[Template], list[str]], str, str]] = [
    (access.wide_grants, "Action: [s3:PutObject, s3:DeleteObject]", "Action: s3:*"),
    (
        access.foreign_policies,
        "      ManagedPolicyArns:\n",
        "      ManagedPolicyArns:\n        - arn:aws:iam::aws:policy/AmazonS3FullAccess\n",
    ),
    (
        access.changes_beyond,
        "Resource: !Sub ${ArtefactBucket.Arn}/uploads/*\n",
        "Resource: !Sub ${ArtefactBucket.Arn}/*\n",
    ),
    (access.reads_beyond, "                  - !Sub ${ArtefactBucket.Arn}/uploads/*\n", ""),
    (access.writing_queries, PUT_ROUTE, PUT_ROUTE.replace("Items", "Query")),
    (access.unconditional_heads, '"s3:if-none-match": "true"', '"s3:if-none-match": "false"'),
    (access.unconditional_heads, '"s3:if-match": "true", ', ""),
    (
        access.unconditional_heads,
        "${ArtefactBucket.Arn}/head.json\n            Condition",
        "${ArtefactBucket.Arn}/x\n            Condition",
    ),
    (
        access.writing_queries,
        "              Resource: !Sub ${ArtefactBucket.Arn}/uploads/*\n",
        "              Resource: !Sub ${CatalogueBucket.Arn}/uploads/*\n",
    ),
    (
        access.changes_beyond,
        "                - !Sub ${CatalogueBucket.Arn}/images/*\n",
        "                - !Sub ${CatalogueBucket.Arn}/*\n",
    ),
    (access.other_invocations, ":function:${AWS::StackName}-rebuild", ":function:*"),
    (access.blind_roles, "[!GetAtt CatalogueBucket.Arn, !GetAtt ArtefactBucket.Arn]", "!GetAtt CatalogueBucket.Arn"),
    (access.open_writes, "AuthorizationType: AWS_IAM", "AuthorizationType: NONE"),
    (access.open_writes, "      RouteKey: HEAD /v1/health\n", "      RouteKey: HEAD /v1/ill\n"),
    (access.open_writes, "      RouteKey: GET /openapi.json\n", "      RouteKey: GET /openapi\n"),
    (operation.closed_origins, "AllowMethods: [GET, HEAD, POST, PUT, PATCH, DELETE]", "AllowMethods: [GET, POST]"),
    (operation.closed_origins, "AllowHeaders: [content-type, content-encoding", "AllowHeaders: [content-type"),
    (operation.unthrottled, "          ThrottlingRateLimit: 10\n", ""),
    (operation.unlogged, "    Properties:\n      RetentionInDays: !Ref LogRetention\n", "    Properties: {}\n"),
    (operation.careless_queue, "[SignsRequests, 1810, 730]", "[SignsRequests, 1810, 120]"),
    (operation.careless_queue, "[SignsRequests, 1810, 730]", "[SignsRequests, 730, 730]"),
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
    (operation.endless_rebuilds, "      Timeout: !Ref RebuildTimeout\n", "      Timeout: 900\n"),
    (alarms.unwatched, "MetricName: 5xx", "MetricName: 4xx"),
    (alarms.unwatched, "      Threshold: !Ref StaleDays\n", "      Threshold: 2\n"),
    (alarms.unwatched, "      TreatMissingData: breaching\n", "      TreatMissingData: ignore\n"),
    (alarms.unwatched, "      ExtendedStatistic: p99\n", "      ExtendedStatistic: p50\n"),
    (alarms.unwatched, "!GetAtt FailedRebuilds.QueueName", "!GetAtt Changes.QueueName"),
    (alarms.unknown_metrics, "MetricName: RebuildRefused", "MetricName: RebuildsRefused"),
    (alarms.overlong_alarms, "    MaxValue: 7\n", "    MaxValue: 8\n"),
    (alarms.unheard_alarms, "      OKActions: !If [Notifies, [!Ref AlarmTopic], !Ref AWS::NoValue]\n", ""),
    (alarms.unheard_alarms, "    Condition: Notifies\n", ""),
    (alarms.lost_rebuilds, "!GetAtt FailedRebuilds.Arn", "!GetAtt RebuildLog.Arn"),
    (alarms.lost_rebuilds, "MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 345600"),
    (alarms.lost_rebuilds, "OnFailure: {", "OnSuccess: {"),
    (operation.endless_rebuilds, "    MaxValue: 900\n", "    MaxValue: 5400\n"),
    (alarms.unsealed_queues, "      SqsManagedSseEnabled: true\n", ""),
]


def named(value: object) -> str | None:
    return value.__name__ if callable(value) else ""


@pytest.fixture(scope="module")
def expanded() -> dict[str, Template]:
    """What CloudFormation gets of the template as it is (under the empty name) and of each edited one."""
    text = TEMPLATE.read_text()
    texts = {"": text} | {str(number): text.replace(old, new) for number, (_, old, new) in enumerate(CHECKS)}
    return expand(texts)


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _, _ in CHECKS), ids=named)
def test_the_template_keeps(check: Callable[[Template], list[str]], expanded: dict[str, Template]) -> None:
    assert check(expanded[""]) == []


@pytest.mark.parametrize("number", range(len(CHECKS)), ids=lambda number: CHECKS[number][0].__name__)
def test_an_edited_template_breaks(number: int, expanded: dict[str, Template]) -> None:
    check, old, _ = CHECKS[number]
    assert old in TEMPLATE.read_text()
    assert check(expanded[str(number)]) != []


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


def test_words_come_along_unless_they_are_left_out(expanded: dict[str, Template]) -> None:
    template = expanded[""]
    assert template["Parameters"]["Words"]["Default"] == "true"
    assert template["Conditions"]["HasWords"] == {"Fn::Equals": [{"Ref": "Words"}, "true"]}
    layers = [one for name, one in template["Resources"].items() if name.startswith("WordsLayer")]
    assert [one["Condition"] for one in layers] == ["HasWords"]


def test_every_function_has_a_handler_and_is_built(expanded: dict[str, Template]) -> None:
    functions = of_type(expanded[""], "AWS::Lambda::Function")
    folders = {Path(function["Code"]["S3Key"]).name for function in functions.values()}
    assert folders == {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    targets = re.findall(r"build-(\w+)(?=[ :])", (ROOT / "functions" / "Makefile").read_text())
    assert set(targets) == set(functions)
