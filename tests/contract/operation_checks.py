"""How it runs: limits, queue, logs, settings. Each check lists what it objects to."""

from __future__ import annotations

import itertools
import re
from collections import UserDict
from typing import Any

from contract.access_checks import WRITING
from contract.expansion import Template, deployed, of_type
from tonari.config import USUAL, Settings
from tonari.contract.routes import ROUTES


def unthrottled(template: Template) -> list[str]:
    (stage,) = of_type(template, "AWS::ApiGatewayV2::Stage").values()
    settings = {"*": stage.get("DefaultRouteSettings", {})}
    settings |= {key: stage.get("RouteSettings", {}).get(key, {}) for key in {*WRITING, "POST /v1/uploads"}}
    limits = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
    return [f"{key} has no {limit}" for key, given in settings.items() for limit in limits if not given.get(limit)]


def closed_origins(template: Template) -> list[str]:
    """What pages of another origin may send."""
    (api,) = of_type(template, "AWS::ApiGatewayV2::Api").values()
    methods = {"GET", "HEAD", *(route.method for route in ROUTES)}
    headers = {"content-type", "content-encoding", "authorization"}
    allowed = api["CorsConfiguration"]
    return sorted(methods - {*allowed["AllowMethods"]}) + sorted(headers - {*allowed["AllowHeaders"]})


def unlogged(template: Template) -> list[str]:
    groups = of_type(template, "AWS::Logs::LogGroup")
    found = [f"{name} keeps everything" for name, group in groups.items() if "RetentionInDays" not in group]
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            found.append(f"{name} logs elsewhere")
    (stage,) = of_type(template, "AWS::ApiGatewayV2::Stage").values()
    if stage.get("AccessLogSettings", {}).get("DestinationArn", {}).get("Fn::GetAtt", [""])[0] not in groups:
        found.append("requests are not logged")
    return found


def careless_queue(template: Template) -> list[str]:
    arns = ("", "arn:aws:aoss:eu-west-1:000000000000:collection/shop")
    return [why for arn in arns for why in _careless(deployed(template, EngineArn=arn))]


def _careless(template: Template) -> list[str]:
    queues = of_type(template, "AWS::SQS::Queue")
    found = []
    for name, source in of_type(template, "AWS::Lambda::EventSourceMapping").items():
        queue = queues[source["EventSourceArn"]["Fn::GetAtt"][0]]
        timeout = template["Resources"][source["FunctionName"]["Ref"]]["Properties"]["Timeout"]
        redrive = queue.get("RedrivePolicy", {}).get("deadLetterTargetArn", {}).get("Fn::GetAtt", [""])[0]
        if redrive not in queues:
            found.append(f"{name}: no dead-letter queue")
        if queue["VisibilityTimeout"] < 6 * timeout + source["MaximumBatchingWindowInSeconds"]:
            found.append(f"{name}: messages return while they are worked on")
        if source.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            found.append(f"{name}: one failure repeats the batch")
        if source.get("ScalingConfig") != {"MaximumConcurrency": 2}:
            found.append(f"{name}: many writers race for one head")
    return found


def deaf_queue(template: Template) -> list[str]:
    bucket = of_type(template, "AWS::S3::Bucket")["CatalogueBucket"]
    heard = {
        (each["Event"], rule["Value"])
        for each in bucket["NotificationConfiguration"]["QueueConfigurations"]
        for rule in each["Filter"]["S3Key"]["Rules"]
        if rule["Name"] == "prefix"
    }
    wanted = set(itertools.product(("s3:ObjectCreated:*", "s3:ObjectRemoved:*"), ("items/", "images/")))
    return [f"{event} under {prefix}" for event, prefix in heard ^ wanted]


def fleeting_objects(template: Template) -> list[str]:
    found = []
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        resource = template["Resources"][name]
        if {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")} != {"Retain"}:
            found.append(f"{name} goes with the stack")
        found += [
            f"{name}: {rule['Id']} deletes what is in use"
            for rule in bucket["LifecycleConfiguration"]["Rules"]
            if "ExpirationInDays" in rule and rule.get("Prefix") != "uploads/"
        ]
    return found


LAYERS = [
    "RuntimeLayer",
    "HasWords: WordsLayer",
    "UsesMilvus: MilvusLayer",
    "UsesPgvector: PgvectorLayer",
    "UsesVald: ValdLayer",
    "EngineLayer",
]


def misfit_functions(template: Template) -> list[str]:
    found = []
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if function["Runtime"] != "python3.13" or function["Architectures"] != ["x86_64"]:
            found.append(f"{name} is not what the layers are built for")
        layers = [_layer(layer) for layer in function["Layers"]]
        if layers != LAYERS:
            found.append(f"{name} has the layers {layers}")
    return found


def _layer(named: dict[str, Any]) -> str:
    """Name a layer, after the condition under which a function has it."""
    if "Fn::If" not in named:
        return re.sub(r"[0-9a-f]{10}$", "", named["Ref"])
    condition, there, otherwise = named["Fn::If"]
    return f"{condition}: {_layer(there)}" if otherwise == {"Ref": "AWS::NoValue"} else str(named)


class Recorder(UserDict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return "a" if key == "TONARI_ENGINE_PREFIX" else "1"

    def get(self, key: str, default: Any = None) -> Any:
        del default
        return self[key]


OF_OTHER_MACHINES = {f"TONARI_ENGINE_{name}" for name in ("CA", "USER", "PASSWORD", "TOKEN")}
"""What only a machine without Secrets Manager is told by its environment."""


def unset_settings(template: Template) -> list[str]:
    environment = Recorder()
    Settings.read(environment)
    wanted = environment.asked - OF_OTHER_MACHINES | {"ORT_DISABLE_TELEMETRY"}
    return [
        f"{name} lacks {variable}"
        for name, function in of_type(template, "AWS::Lambda::Function").items()
        for variable in wanted - function["Environment"]["Variables"].keys()
    ]


def crowded_processors(template: Template) -> list[str]:
    """Functions whose memory buys about one processor run BLAS in one thread."""
    return [
        f"{name} may run BLAS in several threads"
        for name, function in of_type(template, "AWS::Lambda::Function").items()
        if function["MemorySize"] == {"Ref": "QueryMemory"}
        and function["Environment"]["Variables"].get("OPENBLAS_NUM_THREADS") != "1"
    ]


def other_margins(template: Template) -> list[str]:
    given = {name: template["Parameters"][name]["Default"] for name in ("RecallMargin", "AccuracyMargin")}
    return [] if given == {"RecallMargin": USUAL.recall, "AccuracyMargin": USUAL.accuracy} else [str(given)]


def reserved_by_default(template: Template) -> list[str]:
    found = []
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        if (reserved := function.get("ReservedConcurrentExecutions")) is None:
            continue
        condition, parameter, otherwise = reserved["Fn::If"]
        off = {"Fn::Not": [{"Fn::Equals": [parameter, 0]}]}
        default = template["Parameters"][parameter["Ref"]]["Default"]
        if (template["Conditions"][condition], default, otherwise) != (off, 0, {"Ref": "AWS::NoValue"}):
            found.append(name)
    return found


def late_answers(template: Template) -> list[str]:
    functions = of_type(template, "AWS::Lambda::Function")
    return [
        f"the API gives up before {function}"
        for integration in of_type(template, "AWS::ApiGatewayV2::Integration").values()
        for function in [integration["IntegrationUri"]["Fn::GetAtt"][0]]
        if not 1000 * functions[function]["Timeout"] < integration["TimeoutInMillis"] <= 30_000
    ]


def endless_rebuilds(template: Template) -> list[str]:
    """The time limit of a rebuild is a parameter, and no more than Lambda allows."""
    timeout = of_type(template, "AWS::Lambda::Function")["RebuildFunction"]["Timeout"]
    parameter = template["Parameters"].get(timeout["Ref"] if isinstance(timeout, dict) else "", {})
    limits = [parameter.get(name) for name in ("MinValue", "Default", "MaxValue")]
    return [] if limits == [300, 900, 900] else [f"Timeout {timeout}: {limits}"]
