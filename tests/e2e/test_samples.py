"""The samples of README and docs/api.md, given to the demo of the drawn shop: its answers are those that are shown."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.demos import Demo
from pages import PAGES, ROOT, Block, blocks
from tonari.client import Client
from tonari.contract.requests import SearchRequest

README, API = ROOT / "README.md", ROOT / "docs" / "api.md"
VOLATILE = {"took_ms", "generation", "next", "snapshot", "encoder"}
"""Whose values are others each time; that they are there, and of that kind, is asked for."""
DIGITS = 5e-4


def differs(sample: Any, answer: Any, path: str = "") -> list[str]:
    """Say where an answer is not what a sample shows: ``…`` stands for any text, lists may go on."""
    match sample:
        case dict() if isinstance(answer, dict):
            missing = [f"{path}.{name} is missing" for name in sample if name not in answer]
            names = [name for name in sample if name in answer and name not in VOLATILE]
            return missing + [
                found for name in names for found in differs(sample[name], answer[name], f"{path}.{name}")
            ]
        case list() if isinstance(answer, list) and len(answer) >= len(sample):
            pairs = enumerate(zip(sample, answer, strict=False))
            return [found for number, (one, other) in pairs for found in differs(one, other, f"{path}[{number}]")]
        case float() if isinstance(answer, int | float) and abs(sample - answer) < DIGITS:
            return []
        case str() if "…" in sample and re.fullmatch(".*".join(map(re.escape, sample.split("…"))), str(answer)):
            return []
    return [] if sample == answer else [f"{path}: {answer!r}"]


def shape(value: Any) -> Any:
    """Give names and kinds alone, for samples whose values are made up."""
    match value:
        case dict():
            return {name: shape(one) for name, one in value.items()}
        case list():
            return [shape(one) for one in value[:1]]
        case bool() | None:
            return value if value is None else bool
        case int() | float():
            return float
        case _:
            return type(value)


def lacks(sample: Any, answer: Any, path: str = "") -> list[str]:
    """Say what of a sample's shape an answer has not."""
    if isinstance(sample, dict) and isinstance(answer, dict):
        return [
            found
            for name, value in sample.items()
            for found in (lacks(value, answer[name], f"{path}.{name}") if name in answer else [f"{path}.{name}"])
        ]
    if isinstance(sample, list) and isinstance(answer, list):
        return lacks(sample[0], answer[0], f"{path}[]") if sample and answer else []
    return [] if sample == answer or None in (sample, answer) else [f"{path}: {answer} for {sample}"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The drawn shop; the names of files that samples use are those of a photograph of it."""
    place = tmp_path_factory.mktemp("samples")
    with Demo(place) as demo:
        for name in ("photo.jpg", "dress.jpg"):
            shutil.copy(next(place.glob(".tonari/shop-*/images/dress-031/front.jpg")), place / name)
        yield demo


def run(demo: Demo, script: str) -> list[Any]:
    """Run lines of a shell as they stand, but for the URL; gives the JSON that each command wrote."""
    script = re.sub(r"^URL=\S+", f"URL={demo.url}", script, flags=re.MULTILINE).replace("curl ", "curl -sS ")
    given = {**os.environ, "URL": demo.url}
    done = subprocess.run(["bash", "-euc", script], cwd=demo.place, env=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    decoder, found, text = json.JSONDecoder(), [], done.stdout.decode().strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


def test_the_questions_of_the_readme_get_the_answer_of_the_readme(demo: Demo) -> None:
    (asked,) = (block for block in blocks(README, language="") if "curl" in block.text)
    (sample,) = blocks(README, language="json")
    *others, answer = run(demo, asked.text)
    expected = [{"items"}, {"items"}, {"predictions"}, {"items"}]
    assert [one.keys() & {"items", "predictions"} for one in others] == expected
    assert differs(json.loads(sample.text), answer) == []
    assert answer.keys() == json.loads(sample.text).keys()


def test_the_readme_names_a_photograph_that_is_there(demo: Demo) -> None:
    (named,) = re.findall(r"`(\.tonari/\S+\.jpg)`", README.read_text())
    assert (demo.place / named).is_file()


PROGRAMS = blocks(README, API, language="python")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: f"{one.page}:{one.line}")
def test_programs_run_as_they_stand(demo: Demo, program: Block) -> None:
    """What a comment behind a print says is what is printed."""
    text = program.text.replace("http://127.0.0.1:8787", demo.url)
    done = subprocess.run([sys.executable, "-c", text], cwd=demo.place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"^print\(.*\)  # (.*)$", program.text, re.MULTILINE)
    assert not said or rounded(done.stdout).splitlines() == list(map(rounded, said))
    assert done.stdout.count("\n") >= 1


def rounded(text: str) -> str:
    return re.sub(r"\d+\.\d{4,}", lambda found: f"{float(found[0]):.3f}", text)


def test_programs_are_found() -> None:
    assert len(PROGRAMS) >= 3
    assert len(PAGES) >= 4


def answers(demo: Demo) -> dict[str, Any]:
    """Ask so that each part of the documented answers is there: they are told by the names in them."""
    photo = (demo.place / "photo.jpg").read_bytes()
    search = {"k": 5, "facets": ["color", "price"], "filter": {"category": "dress"}}
    return {
        "matching": run_json(demo, "/v1/items?k=5&facets=color,price"),
        "items": run_json(demo, "/v1/search?k=5", photo),
        "facets": run_json(demo, "/v1/search", {**search, "id": "dress-031"}),
        "predictions": run_json(demo, "/v1/predict", photo),
        "type": run_json(demo, "/v1/search", {"id": "dress-031", "filter": {"prise": 3}}),
    }


def run_json(demo: Demo, path: str, body: Any = None) -> Any:
    if body is None:
        return json.loads(subprocess.run(["curl", "-sS", f"{demo.url}{path}"], capture_output=True, check=True).stdout)
    binary = isinstance(body, bytes)
    kind = "image/jpeg" if binary else "application/json"
    data = body if binary else json.dumps(body).encode()
    command = ["curl", "-sS", f"{demo.url}{path}", "-H", f"content-type: {kind}", "--data-binary", "@-"]
    return json.loads(subprocess.run(command, input=data, capture_output=True, check=True).stdout)


def test_the_answers_in_the_docs_are_of_the_form_that_is_given(demo: Demo) -> None:
    given = answers(demo)
    seen = set()
    for block in blocks(API, language="json"):
        text = block.text.strip()
        sample = json.loads(text if text.startswith(("{", "[")) else f"{{{text}}}")
        if "id" in sample:
            assert run_json(demo, "/v1/search", sample)["items"], block.line
            continue
        name = next((name for name in given if name in sample), None)
        if name is None:
            assert Client(demo.url).search(SearchRequest(id="dress-031", filter=sample)).plan, (block.line, sample)
            continue
        seen.add(name)
        if name == "type":
            assert differs(sample, given[name]) == [], block.line
        elif name == "facets":
            assert set(sample[name]) <= set(given[name][name]), block.line
            assert lacks(shape(sample), shape(given[name])) == [], block.line
        else:
            assert lacks(shape(sample), shape(given[name])) == [], block.line
    assert seen == given.keys()
