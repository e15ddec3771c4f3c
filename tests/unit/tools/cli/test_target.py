"""What the commands talk to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aws.services import Endpoint
from conftest import Buckets
from pictures import encoded, quarters
from tonari_tools.cli.main import main
from tonari_tools.cli.target import DEFAULT_URL, Target, choose

NOBODY = "http://127.0.0.1:9"
RUNNING = Target("http://demo", "", "/demo/catalogue", "/demo/artefacts")


@pytest.mark.parametrize(
    ("given", "running", "expected"),
    [
        (Target(), None, Target(DEFAULT_URL)),
        (Target(), RUNNING, RUNNING),
        (Target("http://mine"), RUNNING, Target("http://mine")),
        (Target("http://mine"), None, Target("http://mine")),
        (Target(catalogue="c"), RUNNING, Target(catalogue="c")),
        (Target(catalogue="c", artefacts="a"), RUNNING, Target(catalogue="c", artefacts="a")),
        (Target(endpoint="http://e"), RUNNING, Target(endpoint="http://e")),
    ],
)
def test_what_is_given_comes_before_the_demo(given: Target, running: Target | None, expected: Target) -> None:
    assert choose(given, lambda: running) == expected


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    """Catch what a command would open, with the demo running."""
    seen: list[Target] = []

    def stop(target: Target) -> None:
        seen.append(target)
        raise KeyboardInterrupt

    monkeypatch.setattr("tonari_tools.cli.target._running", lambda *_, **__: RUNNING)
    monkeypatch.setattr(Target, "open_artefacts", stop)
    return seen


@pytest.mark.parametrize(
    ("flags", "variables", "artefacts"),
    [
        ([], {}, "/demo/artefacts"),
        ([], {"AWS_ENDPOINT_URL": "http://s3"}, "/demo/artefacts"),
        ([], {"TONARI_ARTEFACT_BUCKET": "mine"}, "mine"),
        (["--artefacts", "flag"], {"TONARI_ARTEFACT_BUCKET": "mine"}, "flag"),
        (["--artefacts", "flag"], {}, "flag"),
        (["--artefacts", "flag"], {"TONARI_DEMO": "shop"}, "flag"),
        ([], {"TONARI_ARTEFACT_BUCKET": "mine", "TONARI_DEMO": "shop"}, "mine"),
        (["--demo", "shop"], {"TONARI_ARTEFACT_BUCKET": "mine"}, "/demo/artefacts"),
    ],
)
def test_flags_come_before_the_environment_before_the_demo(
    flags: list[str],
    variables: dict[str, str],
    artefacts: str,
    chosen: list[Target],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["audit", *flags]) == 130
    assert [target.artefacts for target in chosen] == [artefacts]


@pytest.mark.parametrize(
    "line",
    [
        "audit --demo shop --artefacts a",
        "audit --demo shop --endpoint-url http://e",
        "rebuild --demo shop --catalogue c",
        "status --demo shop --url http://u",
    ],
)
def test_a_demo_and_another_place_are_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 1
    assert "name two different places: give one of them." in capsys.readouterr().err


def test_a_demo_by_name_comes_before_the_url_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TONARI_URL", "http://127.0.0.1:1")
    assert main(["status", "--demo", "nowhere"]) == 1
    assert "No demo called 'nowhere' is running." in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_that_is_given_is_the_one_of_s3(
    variable: str,
    on_seaweed: Endpoint,
    buckets: Buckets,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever else the environment says; and the environment stays as it is."""
    monkeypatch.setenv(variable, NOBODY)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert main(["audit", "--endpoint-url", on_seaweed.url, "--artefacts", buckets.artefacts]) == 1
    assert "Nothing is published yet" in capsys.readouterr().err
    assert os.environ[variable] == NOBODY


@pytest.mark.parametrize(
    "line",
    [
        "status --url=",
        "status --demo=",
        "push . --catalogue=",
        "audit --artefacts a --endpoint-url=",
        "serve a b --endpoint-url=",
    ],
)
def test_what_a_variable_left_empty_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--catalogue "$BUCKET"` without that variable must not mean another place."""
    assert main(line.split()) == 2
    assert "it is empty. Name something, or leave the option out." in capsys.readouterr().err


@pytest.mark.parametrize("line", ["audit --artefacts s3://a", "serve s3://c s3://a"])
def test_a_bucket_is_named_without_a_scheme(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 1
    assert "give the name of a bucket alone, without s3://, or a folder." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", [["demo", ""], ["push", ""], ["push", "photos", "--metadata", ""]])
def test_an_empty_path_is_not_the_present_folder(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 2
    assert "it is empty. Name a path; . is the present folder." in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "push"])
def test_an_archive_is_to_be_unpacked(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos.zip").write_bytes(b"PK")
    assert main([command, "photos.zip"]) == 1
    assert "photos.zip is not a folder. Give the folder that holds the pictures; unpack" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--id", "--image"])
def test_a_column_without_a_table_is_refused(flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(encoded(quarters(), "PNG"))
    assert main(["push", str(tmp_path), "--dry-run", flag, "sku"]) == 1
    assert f"{flag} names a column, but {tmp_path} has not one table: --metadata FILE" in capsys.readouterr().err
