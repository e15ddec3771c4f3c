"""What the template's options add, and that the plain deployment has none of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contract.expansion import ROOT, Template, deployed, expand, granted, grants, of_type

ENGINE_SECRET = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:engine-abc"  # noqa: S105
DOMAIN = "arn:aws:es:eu-west-1:000000000000:domain/shop"
ROLES = {"QueryFunctionRole", "ItemsFunctionRole", "ReindexFunctionRole", "RebuildFunctionRole"}
ASKS = {"es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost"}
MACHINE = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${AWS::StackName}-rebuild"


@pytest.fixture(scope="module")
def template() -> Template:
    return expand({"": (ROOT / "template.yaml").read_text()})[""]


def layers(template: Template) -> set[tuple[str, ...]]:
    functions = of_type(template, "AWS::Lambda::Function").values()
    return {tuple(re.sub(r"[0-9a-f]{10}$", "", one["Ref"]) for one in each["Layers"]) for each in functions}


def actions(template: Template) -> set[str]:
    policies = of_type(template, "AWS::IAM::Policy").values()
    roles = of_type(template, "AWS::IAM::Role").values()
    found = [*(one for role in roles for one in grants(role)), *(one for each in policies for one in granted(each))]
    return {action for action, _ in found}


def granted_to(template: Template, service: str) -> dict[str, set[tuple[str, str]]]:
    """What actions of a service each role is allowed by policies of their own, and on what."""
    found: dict[str, set[tuple[str, str]]] = {}
    for policy in of_type(template, "AWS::IAM::Policy").values():
        allowed = {one for one in granted(policy) if one[0].startswith(f"{service}:")}
        for role in policy["Roles"] if allowed else []:
            found.setdefault(role["Ref"], set()).update(allowed)
    return found


def environment(template: Template) -> dict[str, Any]:
    (found,) = {
        tuple(
            sorted((name, str(value)) for name, value in each["Environment"]["Variables"].items() if "TONARI" in name)
        )
        for each in of_type(template, "AWS::Lambda::Function").values()
    }
    return dict(found)


def test_the_plain_deployment_has_none_of_it(template: Template) -> None:
    plain = deployed(template)
    assert of_type(plain, "AWS::StepFunctions::StateMachine") == of_type(plain, "AWS::IAM::Policy") == {}
    assert layers(plain) == {("RuntimeLayer", "WordsLayer", "EngineLayer")}
    assert len(of_type(plain, "AWS::Lambda::LayerVersion")) == 3
    assert {action.partition(":")[0] for action in actions(plain)} == {"s3", "sqs", "lambda"}
    assert [name for name, one in of_type(plain, "AWS::Lambda::Function").items() if "VpcConfig" in one] == []
    managed = [arn for role in of_type(plain, "AWS::IAM::Role").values() for arn in role.get("ManagedPolicyArns", [])]
    assert {arn["Fn::Sub"].rpartition("/")[2] for arn in managed} == {"AWSLambdaBasicExecutionRole"}
    assert environment(plain)["TONARI_REBUILD_MACHINE"] == ""
    assert plain["Parameters"]["Engine"]["Default"] == "builtin"


@pytest.mark.parametrize("engine", ["opensearch", "elasticsearch", "milvus", "vald", "pgvector"])
def test_an_engine_brings_its_client_alone(template: Template, engine: str) -> None:
    found = deployed(template, Engine=engine, EngineUrl="https://engine.example")
    own = {"milvus": "MilvusLayer", "vald": "ValdLayer", "pgvector": "PgvectorLayer"}.get(engine)
    assert layers(found) == {("RuntimeLayer", "WordsLayer", *([own] if own else []), "EngineLayer")}
    assert len(of_type(found, "AWS::Lambda::LayerVersion")) == 3 + bool(own)
    assert engine in template["Parameters"]["Engine"]["AllowedValues"]


def test_what_the_functions_are_told_of_an_engine(template: Template) -> None:
    told = environment(deployed(template))
    assert {name: told[name] for name in told if "ENGINE" in name} == {
        "TONARI_ENGINE": "{'Ref': 'Engine'}",
        "TONARI_ENGINE_URL": "{'Ref': 'EngineUrl'}",
        "TONARI_ENGINE_SECRET": "{'Ref': 'EngineSecret'}",
        "TONARI_ENGINE_PREFIX": "{'Ref': 'EnginePrefix'}",
        "TONARI_ENGINE_REGION": "{'Ref': 'EngineRegion'}",
    }


def test_one_secret_may_be_read_and_no_other(template: Template) -> None:
    found = granted_to(deployed(template, EngineSecret=ENGINE_SECRET), "secretsmanager")
    assert found == {role: {("secretsmanager:GetSecretValue", "EngineSecret")} for role in ROLES}


def test_signed_requests_go_to_one_domain_and_queries_change_nothing(template: Template) -> None:
    signing = deployed(template, EngineArn=DOMAIN, EngineRegion="eu-west-1")
    domain = granted_to(signing, "es")
    reads = {(action, "${EngineArn}/*") for action in ASKS}
    writes = reads | {("es:ESHttpPut", "${EngineArn}/*"), ("es:ESHttpDelete", "${EngineArn}/*")}
    assert domain == {
        "QueryFunctionRole": reads,
        "ItemsFunctionRole": reads,
        "ReindexFunctionRole": writes,
        "RebuildFunctionRole": writes,
    }
    assert granted_to(signing, "aoss") == {role: {("aoss:APIAccessAll", "EngineArn")} for role in ROLES}


def test_a_collection_of_serverless_is_one_that_can_be_named(template: Template) -> None:
    pattern = template["Parameters"]["EngineArn"]["AllowedPattern"]
    for arn in (DOMAIN, "arn:aws:aoss:eu-west-1:000000000000:collection/abc123"):
        assert re.search(pattern, arn)
    assert not re.search(pattern, "arn:aws:aoss:eu-west-1:000000000000:collection/*")


def test_functions_run_in_a_vpc_if_subnets_are_named(template: Template) -> None:
    inside = deployed(template, SubnetIds="subnet-1,subnet-2", SecurityGroupIds="sg-1")
    wanted = {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}
    assert [one["VpcConfig"] for one in of_type(inside, "AWS::Lambda::Function").values()] == [wanted] * 4
    roles = of_type(inside, "AWS::IAM::Role")
    for name in ROLES:
        arns = [arn["Fn::Sub"].rpartition("/")[2] for arn in roles[name]["ManagedPolicyArns"]]
        assert arns == ["AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"]


def test_the_state_machine_may_run_the_rebuild_read_the_list_and_start_children(template: Template) -> None:
    found = deployed(template, DistributedEncoding="true")
    machine = of_type(found, "AWS::StepFunctions::StateMachine")["RebuildMachine"]
    assert machine["StateMachineName"] == {"Fn::Sub": "${AWS::StackName}-rebuild"}
    assert machine["RoleArn"] == {"Fn::GetAtt": ["RebuildMachineRole", "Arn"]}
    assert environment(found)["TONARI_REBUILD_MACHINE"] == str({"Fn::Sub": MACHINE})
    executions = MACHINE.replace("stateMachine", "execution") + ":*"
    assert set(grants(of_type(found, "AWS::IAM::Role")["RebuildMachineRole"])) == {
        ("lambda:InvokeFunction", str(["RebuildFunction", "Arn"])),
        ("s3:GetObject", "${ArtefactBucket.Arn}/work/plans/*"),
        ("states:StartExecution", MACHINE),
        ("states:DescribeExecution", executions),
        ("states:StopExecution", executions),
    }
    assert granted_to(found, "states") == {"RebuildFunctionRole": {("states:StartExecution", MACHINE)}}
