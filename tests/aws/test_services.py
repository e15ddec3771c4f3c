"""The servers start, answer, keep their state and end with their parent."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from aws.services import Endpoint, MiniStack, SeaweedFS
from conftest import Buckets
from tonari_tools.serve.listener import LocalServiceError


def test_seaweed_refuses_the_second_conditional_write(buckets: Buckets):
    client = boto3.client("s3")
    client.put_object(Bucket=buckets.artefacts, Key="head.json", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=buckets.artefacts, Key="head.json", Body=b"2", IfNoneMatch="*")
    assert client.get_object(Bucket=buckets.artefacts, Key="head.json")["Body"].read() == b"1"


def test_seaweed_refuses_a_wrong_secret(seaweed: Endpoint, buckets: Buckets):
    wrong = seaweed.secret_key[::-1]
    client = boto3.client("s3", aws_access_key_id=seaweed.access_key, aws_secret_access_key=wrong)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        client.list_objects_v2(Bucket=buckets.catalogue)


def test_ministack_finds_its_objects_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    etags = []
    for attempt in range(2):
        with MiniStack(tmp_path) as server:
            for name, value in server.endpoint.environment().items():
                monkeypatch.setenv(name, value)
            client = boto3.session.Session().client("s3")
            if attempt == 0:
                client.create_bucket(Bucket="kept")
                client.put_object(Bucket="kept", Key="items/é 1.json", Body=b"{}", ContentType="application/json")
            answer = client.get_object(Bucket="kept", Key="items/é 1.json")
            assert (answer["Body"].read(), answer["ContentType"]) == (b"{}", "application/json")
            etags.append(answer["ETag"])
    assert etags[0] == etags[1]


def test_a_taken_port_is_named_with_the_remedy(ministack: Endpoint, tmp_path: Path):
    port = int(ministack.url.rpartition(":")[2])
    with pytest.raises(LocalServiceError, match=rf"Port {port} .*--port"):
        MiniStack(tmp_path, port=port)


def test_a_missing_program_is_named(tmp_path: Path):
    with pytest.raises(LocalServiceError, match="nowhere is missing"):
        SeaweedFS(tmp_path, program=tmp_path / "nowhere")


def test_a_server_that_ends_shows_the_end_of_its_log(tmp_path: Path):
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho 'the disk is full' >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(LocalServiceError, match=r"exit code 3(?s:.)*the disk is full"):
        MiniStack(tmp_path / "state", program=program)
