"""Who hears of it when something fails: each check lists what it objects to."""

from __future__ import annotations

from contract.expansion import Template, grants, of_type
from tonari.aws.metrics import DIMENSION, NAMESPACE, UNITS

NOTIFIED = {"Fn::If": ["Notifies", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
# What is watched: namespace, metric and dimension; then when the alarm goes off, and what silence means.
WATCHED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "FailedChanges"): (
        "Maximum > 0", 300, 1, "notBreaching",
    ),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "FailedRebuilds"): (
        "Maximum > 0", 300, 1, "notBreaching",
    ),
    ("AWS/States", "ExecutionsFailed", "StateMachineArn", "RebuildMachine"): ("Sum > 0", 300, 1, "notBreaching"),
    (NAMESPACE, "RebuildRefused", DIMENSION, "RebuildFunction"): ("Maximum > 0", 300, 1, "ignore"),
    (NAMESPACE, "SnapshotAgeDays", DIMENSION, "RebuildFunction"): ("Minimum > StaleDays", 86_400, 1, "ignore"),
    (NAMESPACE, "SnapshotAgeDays", DIMENSION, "RebuildFunction", "missing"): (
        "SampleCount < 1", 86_400, "StaleDays", "breaching",
    ),
    ("AWS/ApiGateway", "5xx", "ApiId", "Api"): ("Sum >= 5", 300, 1, "notBreaching"),
    ("AWS/ApiGateway", "Latency", "ApiId", "Api"): ("p99 > SlowAnswer", 300, 3, "notBreaching"),
}  # fmt: skip
SIGNS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}


def unwatched(template: Template) -> list[str]:
    """What nobody would hear of, and what is heard of that nobody asked for."""
    found = {}
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        ((dimension, value),) = [(each["Name"], each["Value"]) for each in alarm["Dimensions"]]
        whose = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
        threshold, periods = (_plain(alarm[name]) for name in ("Threshold", "EvaluationPeriods"))
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        silence = alarm["TreatMissingData"]
        key = (alarm["Namespace"], alarm["MetricName"], dimension, whose)
        found[key + (("missing",) if silence == "breaching" else ())] = (
            f"{statistic} {SIGNS[alarm['ComparisonOperator']]} {threshold}",
            alarm["Period"],
            periods,
            silence,
        )
    return [f"{what}: {found.get(what)}" for what in found.keys() | WATCHED if found.get(what) != WATCHED.get(what)]


def _plain(value: object) -> object:
    return value["Ref"] if isinstance(value, dict) else value


def unknown_metrics(template: Template) -> list[str]:
    """Alarms that wait for what no function prints."""
    return [
        f"{name} watches {alarm['MetricName']}"
        for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items()
        if not alarm["Namespace"].startswith("AWS/")
        and (alarm["Namespace"] != NAMESPACE or alarm["MetricName"] not in UNITS)
    ]


def overlong_alarms(template: Template) -> list[str]:
    """CloudWatch looks back seven days at most, one day where a period is shorter than an hour."""
    found = []
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        periods = alarm["EvaluationPeriods"]
        most = template["Parameters"][periods["Ref"]]["MaxValue"] if isinstance(periods, dict) else periods
        if alarm["Period"] * most > (604_800 if alarm["Period"] >= 3600 else 86_400):
            found.append(name)
    return found


def unheard_alarms(template: Template) -> list[str]:
    """Alarms that do not reach the address, and mail sent though nobody asked."""
    found = [
        f"{name}: {when}"
        for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items()
        for when in ("AlarmActions", "OKActions")
        if alarm.get(when) != NOTIFIED
    ]
    topic = template["Resources"]["AlarmTopic"]
    if topic.get("Condition") != "Notifies" or template["Parameters"]["AlarmEmail"]["Default"] != "":
        found.append("a topic that nobody asked for")
    if template["Conditions"]["Notifies"] != {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}:
        found.append("the address decides nothing")
    if topic["Properties"]["Subscription"] != [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]:
        found.append("mail goes elsewhere")
    return found


def lost_rebuilds(template: Template) -> list[str]:
    """A rebuild that failed for good leaves its event in a queue that the function may write to."""
    resources = template["Resources"]
    (config,) = of_type(template, "AWS::Lambda::EventInvokeConfig").values()
    failed = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", {})
    queue, _ = failed.get("Fn::GetAtt", ("", ""))
    if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue":
        return ["a failed rebuild leaves nothing behind"]
    found = []
    if ("sqs:SendMessage", str([queue, "Arn"])) not in grants(resources["RebuildFunctionRole"]["Properties"]):
        found.append("the function may not send there")
    if resources[queue]["Properties"].get("MessageRetentionPeriod") != 1_209_600:
        found.append("forgotten before the 14 days that SQS allows")
    return found


def unsealed_queues(template: Template) -> list[str]:
    return [
        name
        for name, queue in of_type(template, "AWS::SQS::Queue").items()
        if queue.get("SqsManagedSseEnabled") is not True
    ]
