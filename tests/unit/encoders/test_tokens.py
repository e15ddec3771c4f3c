from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

import pictures
from graphs import MEAN_COLOUR, mean_colour
from text_models import SPECIAL, WORDS, make_tokenizer
from tonari.encoders.tokens import Tokenizer
from tonari.errors import InvalidEncoderError, InvalidTextError
from unit.encoders.text_encoders import part
from word_bundles import joint_bundle, text_bundle

RAW = json.loads(make_tokenizer().to_str())
WRONG: tuple[Any, ...] = (None, -1, 2**70, "", "x", [], {}, 1.5, True)


def opened(folder: Path, raw: Any = None, **said: Any) -> Tokenizer:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(RAW if raw is None else raw))
    return Tokenizer(path, part(**said))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inside:
        yield (*path, name)
        yield from places(below, (*path, name))


def changed(path: tuple[Any, ...], value: Any) -> Any:
    raw = copy.deepcopy(RAW)
    place = raw
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return raw


def test_a_text_becomes_numbers(tmp_path: Path) -> None:
    tokenizer = opened(tmp_path)
    assert tokenizer.vocabulary == len(SPECIAL) + len(WORDS)
    assert tokenizer.filling == SPECIAL.index("[PAD]")
    read = tokenizer.read(["Red news zyx", "", "red " * 9])
    assert read[0].numbers == (2, len(SPECIAL), len(SPECIAL) + WORDS.index("news"), 1, 3)
    assert [(one.numbers == (), one.cut) for one in read] == [(False, False), (True, False), (False, True)]
    assert len(read[2].numbers) == 8
    assert read[2].numbers[-1] == SPECIAL.index("[SEP]")


@pytest.mark.parametrize(
    ("padding", "filling"),
    [(None, 0), ({"pad_id": 7, "pad_token": "red"}, 7), ({"pad_id": 0, "pad_token": "[PAD]", "length": 40}, 0)],
)
def test_the_filling_is_what_the_file_says(tmp_path: Path, padding: dict[str, Any] | None, filling: int) -> None:
    library = make_tokenizer()
    if padding:
        library.enable_padding(**padding)
    tokenizer = opened(tmp_path, json.loads(library.to_str()))
    assert tokenizer.filling == filling
    assert len(tokenizer.read(["red"])[0].numbers) == 3


def test_a_token_that_was_added_counts(tmp_path: Path) -> None:
    library = make_tokenizer()
    library.add_tokens(["隣"])
    tokenizer = opened(tmp_path, json.loads(library.to_str()))
    assert tokenizer.vocabulary == len(SPECIAL) + len(WORDS) + 1
    assert tokenizer.read(["隣"])[0].numbers[1] == tokenizer.vocabulary - 1


@pytest.mark.parametrize("most", [1, 2])
def test_no_room_for_a_text_is_refused(tmp_path: Path, most: int) -> None:
    with pytest.raises(InvalidEncoderError, match=f"adds 2 tokens to every text, and encoder.json takes {most}"):
        opened(tmp_path, max_tokens=most)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", json.dumps(RAW).encode()[:-20], b"[" * 100_000, b"\x00" * 100],
)
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(data)
    with pytest.raises(InvalidEncoderError, match=r"The tokenizer cannot be read: \S"):
        Tokenizer(tmp_path / "tokenizer.json", part())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidEncoderError, match="The tokenizer cannot be read"):
        Tokenizer(tmp_path / "tokenizer.json", part())


@pytest.mark.parametrize("path", sorted(places(RAW), key=str), ids=str)
def test_a_wrong_value_anywhere_is_refused_or_served(tmp_path: Path, path: tuple[Any, ...]) -> None:
    """A tokenizer's file that the library reads, and panics on later, must not end a process."""
    for value in WRONG:
        try:
            tokenizer = opened(tmp_path, changed(path, value))
        except InvalidEncoderError as error:
            assert "tokenizer" in error.detail  # noqa: PT017 - either is right
        else:
            assert len(tokenizer.read(["red boot", "zyx"])) == 2


def test_a_tokenizer_without_a_token_for_unknown_words_is_refused(tmp_path: Path) -> None:
    raw = copy.deepcopy(RAW)
    raw["model"]["unk_token"] = "none"  # noqa: S105 - no password
    with pytest.raises(InvalidEncoderError, match=r"cannot serve: .*UNK"):
        opened(tmp_path, raw)


def test_a_tokenizer_that_fails_on_one_text_refuses_that_alone(tmp_path: Path) -> None:
    library = Library(models.WordPiece({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106 - no password
    raw = json.loads(library.to_str())
    tokenizer = opened(tmp_path, raw)
    del raw["model"]["vocab"]["[UNK]"]
    tokenizer._tokenizer = Library.from_str(json.dumps(raw))
    with pytest.raises(InvalidTextError, match=r"tokenizer fails on this text: .*\. Ask by other words"):
        tokenizer.read(["a", "zyx"])


@pytest.mark.parametrize("kind", ["byte-level BPE", "unigram"])
def test_tokenizers_of_other_kinds_are_read(tmp_path: Path, kind: str) -> None:
    texts = ["the red boot", "the blue lamp", "news of the market", "隣の赤い靴"] * 5
    if kind == "unigram":
        library = Library(models.Unigram())
        library.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer: Any = trainers.UnigramTrainer(
            vocab_size=60,
            unk_token="<unk>",  # noqa: S106 - no password
            special_tokens=["<pad>", "<unk>"],
            show_progress=False,
        )
    else:
        library = Library(models.BPE())
        library.pre_tokenizer = pre_tokenizers.ByteLevel()
        library.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
        )
    library.train_from_iterator(texts, trainer)
    tokenizer = opened(tmp_path, json.loads(library.to_str()))
    for text in (*texts, "🙂", "\ud800", "x" * 1000):
        (tokens,) = tokenizer.read([text])
        assert tokens.numbers
        assert 0 <= min(tokens.numbers) <= max(tokens.numbers) < tokenizer.vocabulary
        assert len(tokens.numbers) <= 8
    assert tokenizer.filling == 0


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=60), max_size=8))
def test_any_text_is_read_alone_as_among_others(shared: Tokenizer, texts: list[str]) -> None:
    together = shared.read(texts)
    assert together == [shared.read([text])[0] for text in texts]
    assert all(len(one.numbers) <= 8 for one in together)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return opened(tmp_path_factory.mktemp("tokenizer"))


WITHOUT = """
import sys
sys.modules["tokenizers"] = None
from pathlib import Path
from tonari.contract.encoder import CONFIG, MODEL
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import open_encoder
from tonari.errors import InvalidEncoderError

for name in ("texts", "joint", "pictures"):
    folder = Path(sys.argv[1]) / name
    files = {path.name: path for path in folder.iterdir()}
    about = Bundle({name: path.read_bytes() for name, path in files.items()}).about
    try:
        print(name, len(open_encoder(about, files).encode(Path(sys.argv[2]).read_bytes())))
    except InvalidEncoderError as error:
        print(name, error.detail)
print(sorted(one for one in sys.modules if one.startswith("tokenizers.")))
"""


def test_without_the_library_the_error_says_so_and_pictures_work(tmp_path: Path) -> None:
    for name, bundle in (("texts", text_bundle()), ("joint", joint_bundle())):
        (tmp_path / name).mkdir()
        for file, data in bundle.files.items():
            (tmp_path / name / file).write_bytes(data)
    (tmp_path / "pictures").mkdir()
    mean_colour(tmp_path / "pictures" / "model.onnx")
    (tmp_path / "pictures" / "encoder.json").write_text(json.dumps(MEAN_COLOUR))
    (tmp_path / "picture.png").write_bytes(pictures.encoded(pictures.photo(9, 9), "PNG"))
    line = [sys.executable, "-c", WITHOUT, str(tmp_path), str(tmp_path / "picture.png")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    texts, joint, seen, loaded = done.stdout.splitlines()
    for said in (texts, joint):
        assert "the library tokenizers is needed" in said
        assert "pip install 'tonari[words]'" in said
    assert (seen, loaded) == ("pictures 3", "[]")
