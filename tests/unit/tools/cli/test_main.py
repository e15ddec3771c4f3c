"""The command line: what it talks to, what it shows, how it fails."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tonari import __version__
from tonari_tools.cli.client import MOST_DIRECT_BYTES, AnsweredError, Client, UnreachableError
from tonari_tools.cli.demo import read_stage
from tonari_tools.cli.main import main
from tonari_tools.cli.progress import ProgressLine, StageLines, describe
from tonari_tools.cli.tables import align, bar, prediction_table, search_table, status_table
from tonari_tools.cli.target import DEFAULT_URL, Target, choose
from tonari_tools.serve.server import free_ports

PROBLEM = "application/problem+json"


@contextmanager
def answering(*answers: tuple[int, str, bytes]) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    """Serve these answers one after the other; gives the URL and what was asked: method, target, headers, body."""
    asked: list[tuple[str, str, dict[str, str], bytes]] = []
    rest = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.path, dict(self.headers), body))
            status, content_type, data = rest.pop(0)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(data.replace(b"HERE", self.headers["Host"].encode()))

        do_POST = do_GET  # noqa: N815  the base class's naming

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No demo runs here, no setting is inherited."""
    monkeypatch.chdir(tmp_path)
    for name in ("TONARI_URL", "TONARI_CATALOGUE_BUCKET", "TONARI_ARTEFACT_BUCKET", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photo.png").write_bytes(b"picture")
    return tmp_path / "photo.png"


def test_help_is_instant() -> None:
    code = "import sys; from tonari_tools.cli.main import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "COMMAND" in done.stdout
    assert not {"boto3", "numpy", "PIL", "onnxruntime"} & set(done.stdout.split())


def test_the_installed_program_says_its_version() -> None:
    program = f"{sys.prefix}/bin/tonari"
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tonari {__version__}\n"


@pytest.mark.parametrize("line", ["", "push", "sing", "encoder", "demo --port 99999", "demo --port x", "search p -k x"])
def test_wrong_usage_is_status_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "usage: tonari" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("search gone.jpg", "gone.jpg cannot be read: No such file or directory."),
        ("search photo.png --filter {", "--filter is not JSON"),
        ("search photo.png --filter []", "--filter must be a JSON object"),
        ("status --url there", "'there' is not a URL"),
        ("push gone", "gone is not a folder."),
        ("push .", "Which bucket? Give --catalogue BUCKET or set TONARI_CATALOGUE_BUCKET, or start the demo"),
        ("init --encoder .", "Which bucket? Give --artefacts BUCKET"),
        ("rebuild", "Which bucket? Give --catalogue BUCKET"),
        ("audit", "Which bucket? Give --artefacts BUCKET"),
        ("encoder build out --wheel gone.whl", "gone.whl is not there"),
        ("demo --metadata items.csv", "give DIR too"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_an_error_is_one_line_and_status_1(line: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("tonari: ")
    assert error in written.err
    assert written.err.count("\n") == 1


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", f"http://127.0.0.1:{free_ports(1)[0]}"]) == 1
    assert "Is anything running? make demo, or --url" in capsys.readouterr().err


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tonari_tools.cli.ask.status", interrupt)
    assert main(["status"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_closed_pipe_is_quiet() -> None:
    health = {"status": "ok", "padding": "x" * 200_000}
    with answering((200, "application/json", json.dumps(health).encode())) as (url, _):
        command = [f"{sys.prefix}/bin/tonari", "status", "--json", "--url", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == 1


SEARCH = {
    "items": [
        {
            "id": "a",
            "score": 0.95,
            "view": "1.jpg",
            "fields": {"tags": ["x", "y"], "price": 5, "name": "A  long\nname"},
        },
        {"id": "bb", "score": -0.2, "view": "2.jpg", "fields": {"name": "B" * 40}},
    ],
    "plan": {"path": "scan", "matching": 7, "scanned": 7, "exact": False},
    "took_ms": {"encode": 5.25, "search": 0.5},
}


def test_search_sends_the_photo_and_shows_a_table(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering((200, "application/json", json.dumps(SEARCH).encode())) as (url, asked):
        assert main(["search", str(photo), "-k", "3", "--filter", '{"price": {"$lt": 5}}', "--url", url]) == 0
    (method, target, headers, body), *_ = asked
    assert (method, urlsplit(target).path, headers["Content-Type"], body) == (
        "POST",
        "/v1/search",
        "image/png",
        b"picture",
    )
    assert parse_qs(urlsplit(target).query) == {"k": ["3"], "filter": ['{"price": {"$lt": 5}}']}
    assert capsys.readouterr().out == (
        "id  score               name                              price  tags\n"
        "a   0.950   █████████▌  A long name                       5      x, y\n"
        f"bb  -0.200  ··········  {'B' * 31}…\n\n"
        "2 items; 7 views match, 7 scanned, 5.8 ms (encode 5.2, search 0.5)\n"
    )


def test_json_is_the_answer_as_it_is(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering((200, "application/json", json.dumps(SEARCH).encode())) as (url, _):
        assert main(["search", str(photo), "--json", "--url", url]) == 0
    assert json.loads(capsys.readouterr().out) == SEARCH


def test_predict_asks_for_the_attributes_by_name(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = {"value": "red", "score": 0.8, "alternatives": [{"value": "pink", "score": 0.71}]}
    answer = {"predictions": {"color": one}, "method": "vote", "took_ms": {"encode": 5}}
    with answering((200, "application/json", json.dumps(answer).encode())) as (url, asked):
        line = ["predict", str(photo), "--method", "vote", "--attributes", "color, category", "--url", f"{url}/stage/"]
        assert main(line) == 0
    assert urlsplit(asked[0][1]).path == "/stage/v1/predict"
    assert parse_qs(urlsplit(asked[0][1]).query) == {"method": ["vote"], "attributes": ["color,category"]}
    assert "color      red    0.800  ████████··  pink 0.71" in capsys.readouterr().out


def test_a_large_photo_goes_by_an_upload(tmp_path: Path) -> None:
    data = b"x" * (MOST_DIRECT_BYTES + 1)
    (tmp_path / "large.jpg").write_bytes(data)
    form = {"upload": "uploads/1", "url": "http://HERE/bucket", "fields": {"key": "uploads/1", "policy": "p"}}
    answers = [(200, "application/json", json.dumps(form).encode()), (204, "", b""), (200, "application/json", b"{}")]
    with answering(*answers) as (url, asked):
        assert Client(url).search(tmp_path / "large.jpg", 4, {"a": 1}) == {}
    assert [target for _, target, _, _ in asked] == ["/v1/uploads", "/bucket", "/v1/search"]
    body = asked[1][3]
    assert body.index(b'name="policy"') < body.index(b'name="file"') < body.index(data)
    assert json.loads(asked[2][3]) == {"upload": "uploads/1", "k": 4, "filter": {"a": 1}}


@pytest.mark.parametrize(
    ("status", "data", "error"),
    [
        (415, b'{"title": "T", "detail": "That is no picture."}', r"^That is no picture\. \(status 415\)$"),
        (404, b'{"message": "Not Found"}', r"^Not Found \(status 404\)$"),
        (502, b"<html>", "status 502 without JSON: is it tonari?"),
        (200, b"[]", "status 200 without JSON"),
    ],
)
def test_a_problem_becomes_one_line(status: int, data: bytes, error: str) -> None:
    with answering((status, PROBLEM, data)) as (url, _), pytest.raises(AnsweredError, match=error):
        Client(url).health()


def test_an_answer_that_breaks_off_is_explained() -> None:
    with answering() as (url, _), pytest.raises(UnreachableError, match="does not answer"):
        Client(url.replace("http:", "https:")).health()


RUNNING = Target("http://demo", "http://s3", "demo-catalogue", "demo-artefacts")


@pytest.mark.parametrize(
    ("given", "environment", "running", "expected"),
    [
        (Target(), {}, None, Target(DEFAULT_URL)),
        (Target(), {}, RUNNING, RUNNING),
        (Target(), {"TONARI_URL": "http://mine"}, RUNNING, replace(RUNNING, url="http://mine")),
        (Target("http://flag"), {"TONARI_URL": "http://mine"}, None, Target("http://flag")),
        (Target(catalogue="c"), {}, RUNNING, Target("http://demo", "", "c", "")),
        (
            Target(),
            {"TONARI_CATALOGUE_BUCKET": "c", "TONARI_ARTEFACT_BUCKET": "a"},
            RUNNING,
            Target("http://demo", "", "c", "a"),
        ),
        (
            Target(endpoint="http://e"),
            {"AWS_ENDPOINT_URL": "http://f"},
            RUNNING,
            Target("http://demo", "http://e", "", ""),
        ),
    ],
)
def test_flags_come_before_the_environment_before_the_demo(
    given: Target, environment: dict[str, str], running: Target | None, expected: Target
) -> None:
    target, additions = choose(given, environment, running)
    assert target == expected
    assert additions.get("AWS_ENDPOINT_URL", "") == expected.endpoint
    assert ("AWS_ACCESS_KEY_ID" in additions) == (expected.catalogue == RUNNING.catalogue)


def test_columns_are_aligned() -> None:
    assert align([["a", "bb"], ["ccc", ""]]) == "a    bb\nccc"


@pytest.mark.parametrize(
    ("score", "drawn"), [(0, "··········"), (1, "██████████"), (0.44, "████▌·····"), (7, "██████████")]
)
def test_a_bar_is_drawn(score: float, drawn: str) -> None:
    assert bar(score) == drawn


def test_nothing_found_is_said() -> None:
    none: dict[str, Any] = {**SEARCH, "items": []}
    assert search_table(none).startswith("0 items; 7 views match")


def test_a_prediction_without_classes_is_an_empty_table() -> None:
    assert prediction_table({"predictions": {}, "method": "means", "took_ms": {}}).startswith("attribute  value")


def test_status_says_what_is_live() -> None:
    health = {
        "status": "ok",
        "version": "0.1.0",
        "generation": 3,
        "snapshot": "s",
        "encoder": {"id": "f" * 64, "name": "e", "dimensions": 256},
        "items": 5,
        "views": 9,
        "segments": 1,
        "attributes": {"color": ["red"]},
    }
    text = status_table(health, "http://here")
    assert "items     5, 9 views" in text
    assert "color     1 classes" in text
    assert "encoder   e, 256 dimensions, ffffffffffff" in text


def test_progress_says_count_rate_and_time_left() -> None:
    assert describe("push", "items", 0, 90, 0) == "push: 0 of 90 items"
    assert describe("push", "items", 30, 90, 2) == "push: 30 of 90 items, 15/s, 0:04 left"
    assert describe("push", "items", 3, 90, 2) == "push: 3 of 90 items, 1.5/s, 0:58 left"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("tonari_tools.cli.progress.time.monotonic", lambda: float(next(clock)))
    terminal = Terminal()
    line = ProgressLine("push", "items", terminal)
    line(1, 4)
    line(2, 4)
    line.close()
    assert terminal.getvalue() == (
        "\r\x1b[Kpush: 1 of 4 items, 1.0/s, 0:03 left\r\x1b[Kpush: 2 of 4 items, 1.0/s, 0:02 left\r\x1b[K"
    )


def test_each_stage_has_its_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr("tonari_tools.cli.progress.time.monotonic", lambda: float(next(clock)))
    stages = StageLines("index", "views")
    stages("encode", 5, 10)
    stages("graph", 0, 10)
    stages.close()
    assert capsys.readouterr().err == "index, encode: 5 of 10 views, 0.5/s, 0:10 left\nindex, graph: 0 of 10 views\n"


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ('[INFO]\t2026-01-01T00:00:00Z\tid\t{"rebuild": "encode", "done": 3, "total": 9}', ("encode", 3, 9)),
        ('{"rebuild": "done", "items": 5}', None),
        ("START RequestId: 1", None),
        ("{broken", None),
        ("[{}]", None),
    ],
)
def test_a_stage_is_read_from_the_log(line: str, stage: tuple[str, int, int] | None) -> None:
    assert read_stage(line) == stage
