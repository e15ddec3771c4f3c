"""Encoders fetched from a hub: pinned, verified, taken up again after a cut, and refused where anything differs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hubs import Hub, Repository, running_hub
from tonari_tools.cli.main import main
from tonari_tools.hub.hub import HubError, HubUnreachableError, endpoint
from tonari_tools.hub.known import KNOWN, find_known
from tonari_tools.hub.lockfile import LockedEncoder, LockedFile
from tonari_tools.hub.pulling import fetch_files, plan_pull

NAME = "multilingual-e5-small"
REPOSITORY = "intfloat/multilingual-e5-small"
GRAPH = bytes(range(256)) * 40_000
FILES = {
    "onnx/model.onnx": GRAPH,
    "tokenizer.json": b"{" + b" " * 2_000 + b"}",
    "tokenizer_config.json": b'{"model_max_length": 512}',
    "config.json": b"{}",
    "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
    "README.md": b"not wanted",
}


@pytest.fixture
def repository() -> Repository:
    return Repository(dict(FILES))


@pytest.fixture
def hub(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    with running_hub(**{REPOSITORY: repository}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@dataclass
class Result:
    exit_code: int
    output: str


def run(*arguments: str) -> Result:
    """Run a command as a terminal would, with nothing to type into it."""
    with io.StringIO() as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(list(arguments))
        return Result(code, said.getvalue())


def pull(*options: str, name: str = NAME) -> Result:
    return run("encoder", "pull", name, "e5", *options)


def lock() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("encoders.lock.json").read_text())
    return found


def test_what_is_wanted_comes_and_is_pinned_by_what_the_hub_states(hub: Hub, repository: Repository) -> None:
    result = pull("--accept-licence")
    assert result.exit_code == 0, result.output
    assert {str(path.relative_to("e5")) for path in Path("e5").rglob("*") if path.is_file()} == FILES.keys() - {
        "README.md"
    }
    assert all(Path("e5", name).read_bytes() == FILES[name] for name in FILES.keys() - {"README.md"})
    entry = lock()["encoders"][NAME]
    assert entry["revision"] == repository.commit
    assert entry["files"]["onnx/model.onnx"] == {"sha256": hashlib.sha256(GRAPH).hexdigest(), "size": len(GRAPH)}
    assert repository.commit in result.output
    assert hashlib.sha256(GRAPH).hexdigest() in result.output
    assert "tonari encoder add e5 --query-prefix 'query: ' --passage-prefix 'passage: '" in result.output
    assert any(path.startswith("/cdn/") for path, _ in hub.requests)


def test_nothing_is_fetched_before_the_licence_is_accepted(hub: Hub) -> None:
    result = pull()
    assert result.exit_code != 0
    assert "MIT" in result.output
    assert "--accept-licence" in str(result.output)
    assert not Path("e5").exists()
    assert not Path("encoders.lock.json").exists()
    assert [path for path, _ in hub.requests] == [f"/api/models/{REPOSITORY}/revision/main"]


def test_a_licence_that_the_hub_states_otherwise_is_named(hub: Hub, repository: Repository) -> None:
    repository.licence = "cc-by-nc-4.0"
    result = pull("--accept-licence")
    assert "the hub says: cc-by-nc-4.0" in result.output
    assert "these differ" in result.output
    assert lock()["encoders"][NAME]["licence"] == "cc-by-nc-4.0"
    assert hub.requests


def test_a_later_pull_brings_nothing_twice_and_asks_for_the_pinned_commit(hub: Hub, repository: Repository) -> None:
    pull("--accept-licence")
    before, pinned = len(hub.requests), lock()
    result = pull("--accept-licence")
    assert result.exit_code == 0, result.output
    assert [path for path, _ in hub.requests[before:]] == [f"/api/models/{REPOSITORY}/revision/{repository.commit}"]
    assert lock() == pinned


def test_a_damaged_file_is_fetched_again(hub: Hub) -> None:
    pull("--accept-licence")
    Path("e5/onnx/model.onnx").write_bytes(GRAPH[:-1] + b"x")
    before = len(hub.requests)
    assert pull("--accept-licence").exit_code == 0
    assert Path("e5/onnx/model.onnx").read_bytes() == GRAPH
    assert len(hub.requests) - before == 3


def test_a_branch_that_moved_does_not_move_what_is_locked(hub: Hub, repository: Repository) -> None:
    pull("--accept-licence")
    repository.files["config.json"] = b'{"changed": true}'
    result = pull("--accept-licence")
    assert result.exit_code != 0
    assert "has no" in result.output
    assert hub.requests[-1][0].endswith(lock()["encoders"][NAME]["revision"])


def test_a_cut_transfer_is_taken_up_where_it_stopped(hub: Hub, repository: Repository) -> None:
    repository.cut["onnx/model.onnx"] = [3_000_000, 2_000_000]
    repository.failing = 1
    assert pull("--accept-licence").exit_code == 0
    assert Path("e5/onnx/model.onnx").read_bytes() == GRAPH
    ranges = [given for path, given in hub.requests if path.startswith("/cdn/") and path.endswith("model.onnx")]
    assert ranges == [None, "bytes=3000000-", "bytes=5000000-"]


def test_a_transfer_that_is_always_cut_ends_with_what_came_kept(hub: Hub, repository: Repository) -> None:
    repository.cut["onnx/model.onnx"] = [1_000] * 4
    result = pull("--accept-licence")
    assert result.exit_code != 0
    assert "broke off 4 times" in result.output
    assert Path("e5/onnx/model.onnx.part").stat().st_size == 4_000
    assert not Path("encoders.lock.json").exists()
    assert pull("--accept-licence").exit_code == 0
    assert hub.requests


@pytest.mark.parametrize("name", ["onnx/model.onnx", "config.json"])
def test_other_bytes_than_the_hub_states_are_refused(hub: Hub, repository: Repository, name: str) -> None:
    repository.other[name] = FILES[name][:-1] + b"?"
    result = pull("--accept-licence")
    assert result.exit_code != 0
    assert "other bytes" in result.output
    assert not Path("e5", name).exists()
    assert not Path("e5", f"{name}.part").exists()
    assert not Path("encoders.lock.json").exists()
    assert hub.requests


def test_bytes_that_the_lock_file_does_not_have_are_refused(hub: Hub, repository: Repository) -> None:
    other = LockedFile(hashlib.sha256(b"other").hexdigest(), len(GRAPH))
    locked = LockedEncoder(REPOSITORY, repository.commit, "mit", {"onnx/model.onnx": other})
    with pytest.raises(HubError, match="the lock file has"):
        plan_pull(find_known(NAME), hub.url, locked)
    small = LockedFile(hashlib.sha256(b"other").hexdigest(), len(FILES["config.json"]))
    locked = LockedEncoder(REPOSITORY, repository.commit, "mit", {"config.json": small})
    planned = plan_pull(find_known(NAME), hub.url, locked)
    with pytest.raises(HubError, match="other bytes"):
        list(fetch_files(planned, Path("e5"), lambda _: None))


def test_a_missing_repository_or_file_is_named(hub: Hub, repository: Repository) -> None:
    assert "HTTP 404" in pull("--accept-licence", name="bge-m3").output
    del repository.files["onnx/model.onnx"]
    result = pull("--accept-licence")
    assert f"{REPOSITORY} has no onnx/model.onnx" in result.output
    assert "export it" in result.output
    assert hub.requests


def test_a_repository_that_is_closed_is_named(hub: Hub, repository: Repository) -> None:
    repository.status = 401
    assert "does not give" in pull("--accept-licence").output
    assert hub.requests


def test_another_kind_of_server_is_told(hub: Hub, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.status = 200
    assert f"is HF_ENDPOINT right ({hub.url})" in pull("--accept-licence").output
    monkeypatch.setenv("HF_ENDPOINT", "ftp://127.0.0.1")
    assert "https://" in pull("--accept-licence").output


def test_without_a_network_the_host_and_the_way_by_hand_are_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(HubUnreachableError) as caught:
            plan_pull(find_known(NAME), url, None)
    assert url.removeprefix("http://") in caught.value.detail
    assert "onnx/model.onnx, tokenizer.json" in caught.value.detail
    assert "tonari encoder add DIR --query-prefix" in caught.value.detail
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = pull(name="word2vec")
    assert all(one.name in result.output for one in KNOWN)


def test_the_known_ones_are_listed_without_a_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("encoder", "list", "--known")
    assert result.exit_code == 0, result.output
    assert all(one.name in result.output for one in KNOWN)


def test_a_damaged_lock_file_is_named(hub: Hub) -> None:
    Path("encoders.lock.json").write_text('{"format": 1, "encoders": {"x": {}}}')
    result = pull("--accept-licence")
    assert "encoders.lock.json is no lock file" in result.output
    assert not hub.requests


def test_nothing_is_pinned_that_nobody_has_seen() -> None:
    assert all(one.revision is None or len(one.revision) == 40 for one in KNOWN)
    assert len({one.name for one in KNOWN}) == len(KNOWN)


def test_the_endpoint_is_hugging_faces_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert endpoint() == "https://huggingface.co"
