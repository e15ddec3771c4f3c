"""Small functions that use what the real ones use: S3 through the environment's endpoint, and Lambda's Invoke."""

from __future__ import annotations

from pathlib import Path

HANDLERS = {
    "query": """
import boto3, os, time
s3 = boto3.client("s3")

def handler(event, context):
    path = event["rawPath"]
    if path == "/raise":
        raise ValueError("secret detail")
    if path == "/sleep":
        time.sleep(float(event["queryStringParameters"]["s"]))
    if path == "/rebuild":
        boto3.client("lambda").invoke(FunctionName=os.environ["TONARI_REBUILD_FUNCTION"], InvocationType="Event")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=os.environ["TONARI_ARTEFACT_BUCKET"]).get("Contents", [])]
    return {"keys": keys, "pid": os.getpid()}
""",
    "reindex": """
import boto3, json, os, urllib.parse
s3 = boto3.client("s3")

def handler(event, context):
    failed = []
    for record in event["Records"]:
        for entry in json.loads(record["body"]).get("Records", []):
            key = urllib.parse.unquote_plus(entry["s3"]["object"]["key"])
            if "poison" in key:
                failed.append({"itemIdentifier": record["messageId"]})
            else:
                s3.put_object(Bucket=os.environ["TONARI_ARTEFACT_BUCKET"], Key=f"seen/{key}", Body=b"")
    return {"batchItemFailures": failed}
""",
    "rebuild": """
import boto3, json, os, time, uuid
from tonari.fields.schema import Schema
from tonari.snapshots.manifest import Manifest
from tonari.index.planner import Budget
s3 = boto3.client("s3")

def handler(event, context):
    print(json.dumps({"stage": "encode", "done": 1, "of": 2}), flush=True)
    bucket = os.environ["TONARI_ARTEFACT_BUCKET"]
    head = {"generation": 1, "nonces": [], "snapshot": "s", "encoder": "e", "next_encoder": None}
    head |= {"segments": [], "previous": None, "condemned": []}
    s3.put_object(Bucket=bucket, Key="head.json", Body=json.dumps(head).encode())
    manifest = Manifest("s", "e", 0, 0, 0, 2, {}, Budget(), {}, Schema({}), {})
    s3.put_object(Bucket=bucket, Key="snapshots/s/manifest.json", Body=manifest.to_json())
    s3.put_object(Bucket=bucket, Key=f"rebuilt/{uuid.uuid4()}", Body=b"")
    return {"published": True}
""",
}


def write_handlers(folder: Path) -> Path:
    for name, source in HANDLERS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "handler.py").write_text(source, encoding="utf-8")
    return folder
