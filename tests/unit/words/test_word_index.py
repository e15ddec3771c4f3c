"""Indexes of words in folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tonari.errors import CorruptArtefactError, InvalidTextError, StoreError
from tonari.words.searched import FoundBy
from tonari.words.word_index import FEW, WordIndex, build, lay_over, look, stem

COUNT = 3_000


def items(count: int, seed: int = 0) -> list[FoundBy]:
    random = np.random.default_rng(seed)
    return [
        FoundBy(f"id-{number:05}", [f"w{word}" for word in random.zipf(1.3, random.integers(0, 20)).tolist()])
        for number in range(count)
    ]


def name(number: int) -> str:
    return f"id-{number:05}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    build(folder, items(COUNT))
    return folder


def search(index: WordIndex, text: str, k: int, mask: np.ndarray) -> dict[int, float]:
    hits = index.search(look(text), k, mask, None, name)
    return dict(zip(hits.numbers.tolist(), hits.scores.tolist(), strict=True))


def test_numbers_are_those_of_the_items_in_one_segment(folder: Path) -> None:
    index, everything = WordIndex(folder), np.ones(COUNT, np.bool_)

    assert len(index) == COUNT
    assert len(list(folder.glob("*.idx"))) == 1
    for number, item in list(enumerate(items(COUNT)))[::97]:
        assert next(iter(search(index, item.id, 1, everything))) == number
        if item.terms:
            having = {n for n, other in enumerate(items(COUNT)) if set(item.terms) & set(other.terms)}
            assert set(search(index, " ".join(item.terms), COUNT, everything)) == having


@pytest.mark.parametrize("wanted", [1, FEW - 1, FEW, FEW + 1, 1_000, COUNT])
@pytest.mark.parametrize("text", ["w1", "w1 w2 w40", "w999 id-00007"])
def test_both_ways_to_search_a_range_find_the_best_of_all(folder: Path, wanted: int, text: str) -> None:
    index, mask = WordIndex(folder), np.zeros(COUNT, np.bool_)
    mask[np.random.default_rng(wanted).permutation(COUNT)[:wanted]] = True
    scores = search(index, text, COUNT, np.ones(COUNT, np.bool_))
    best = sorted((-score, number) for number, score in scores.items() if mask[number])

    for k in (1, 10, 500):
        assert [(-score, number) for number, score in search(index, text, k, mask).items()] == best[:k]


def test_items_laid_over_share_statistics_and_replace_others(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).hardlink_to(file)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    lay_over(tmp_path, [FoundBy("fresh", ["w1", "zeppelin"])], COUNT, list(range(0, COUNT, 2)))

    index = WordIndex(tmp_path)
    found = search(index, "w1 zeppelin", COUNT, np.ones(COUNT + 1, np.bool_))

    assert len(index) == COUNT // 2 + 1
    assert next(iter(found)) == COUNT
    assert all(number % 2 for number in found if number < COUNT)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    lone = search(WordIndex(folder), "w1", COUNT, np.ones(COUNT, np.bool_))
    assert found[1] == pytest.approx(lone[1], abs=0.01) if 1 in lone else True


def test_an_index_of_nothing_finds_nothing(tmp_path: Path) -> None:
    build(tmp_path, [])

    assert search(WordIndex(tmp_path), "w1", 5, np.ones(0, np.bool_)) == {}


@pytest.mark.parametrize("suffix", [".idx", ".term", ".fast", ".json"])
def test_a_folder_that_lacks_a_file_or_has_half_of_it_is_refused(folder: Path, tmp_path: Path, suffix: str) -> None:
    for way in ("gone", "half"):
        copy = tmp_path / way
        copy.mkdir()
        for file in folder.iterdir():
            data = file.read_bytes()
            if file.suffix != suffix:
                (copy / file.name).write_bytes(data)
            elif way == "half":
                (copy / file.name).write_bytes(data[: len(data) // 2])
        with pytest.raises(CorruptArtefactError):
            search(WordIndex(copy), "w1", 5, np.ones(COUNT, np.bool_))


def test_an_index_of_other_items_is_refused(folder: Path) -> None:
    with pytest.raises(CorruptArtefactError, match="not in the snapshot"):
        search(WordIndex(folder), "w1", COUNT, np.ones(COUNT - 1_000, np.bool_))


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be written"):
        build(tmp_path / "file", items(3))


def test_english_words_are_reduced_to_stems() -> None:
    assert stem(["running", "shoes", "dresses", "ab1234x", "赤い"]) == ["run", "shoe", "dress", "ab1234x", "赤い"]
    assert look("The running SHOES, running").terms == ("run", "shoe")
    with pytest.raises(InvalidTextError, match="it, the"):
        look("the it")


def test_the_library_is_loaded_when_it_is_needed() -> None:
    program = (
        "import sys, tonari.words.word_index as index; "
        "assert index.has_library() and 'tantivy' not in sys.modules; index.look('red'); "
        "assert 'tantivy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
