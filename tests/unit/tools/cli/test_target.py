"""What the commands talk to."""

from __future__ import annotations

import os

import pytest

from tonari_tools.cli.main import main
from tonari_tools.cli.target import DEFAULT_URL, Target, choose

RUNNING = Target("http://demo", "", "/demo/catalogue", "/demo/artefacts")


@pytest.mark.parametrize(
    ("given", "running", "expected"),
    [
        (Target(), None, Target(DEFAULT_URL)),
        (Target(), RUNNING, RUNNING),
        (Target("http://mine"), RUNNING, Target("http://mine", "", "/demo/catalogue", "/demo/artefacts")),
        (Target("http://mine"), None, Target("http://mine")),
        (Target(catalogue="c"), RUNNING, Target("http://demo", "", "c", "")),
        (Target(catalogue="c", artefacts="a"), RUNNING, Target("http://demo", "", "c", "a")),
        (Target(endpoint="http://e"), RUNNING, Target("http://demo", "http://e", "", "")),
    ],
)
def test_what_is_given_comes_before_the_demo(given: Target, running: Target | None, expected: Target) -> None:
    assert choose(given, running) == expected


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Target]:
    """Catch what a command would open, with the demo running."""
    seen: list[Target] = []

    def stop(target: Target) -> None:
        seen.append(target)
        raise KeyboardInterrupt

    monkeypatch.setattr("tonari_tools.cli.target._running", lambda: RUNNING)
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


def test_an_endpoint_that_is_given_is_the_one_of_s3(chosen: list[Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://environment")
    assert main(["audit", "--endpoint-url", "http://flag", "--artefacts", "a"]) == 130
    assert os.environ["AWS_ENDPOINT_URL"] == "http://flag"
    assert chosen[0].endpoint == "http://flag"
