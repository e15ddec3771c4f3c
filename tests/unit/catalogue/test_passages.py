from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonari.catalogue.passages import MOST_WIDTH, TITLE_WIDTH, WIDE, Passage, passages_of
from tonari.contract.artefacts import PassageFields

USUAL = PassageFields()
ENGLISH = "The cat sat on the mat. Was it a black one? Nobody knows! "
JAPANESE = "赤いワンピースです。夏に着られます。軽くて涼しい素材を使っています。"
THAI = "เดรสสีแดงลายดอกไม้สำหรับฤดูร้อน ผ้าฝ้ายเนื้อนุ่มใส่สบาย"
ARABIC = "فستان أحمر بطبعة زهور. هل هو مناسب للصيف؟ نعم، فهو خفيف. "
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1ef\U0001f1f5"
words = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.text("ab .!?\n\u3002\u0301\u200d" + FAMILY + FLAG, max_size=3_000),
    st.sampled_from([ENGLISH, JAPANESE, THAI, ARABIC, FAMILY, FLAG, "a\u0301"]).flatmap(
        lambda one: st.integers(1, 120).map(lambda times: one * times)
    ),
)


def width(text: str) -> int:
    return sum(WIDE if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def shown(text: str) -> str:
    """What a text says, whatever its spaces and its normal form."""
    plain = "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
    kept = "".join(one for one in plain if not _is_noise(one))
    return "".join(unicodedata.normalize("NFC", kept).split())


def _is_noise(one: str) -> bool:
    code = ord(one)
    return (
        (unicodedata.category(one) == "Cc" and not one.isspace())
        or 0xFDD0 <= code <= 0xFDEF
        or code in (0xFFFE, 0xFFFF)
    )


def of(title: object = None, text: object = None) -> tuple[Passage, ...]:
    return passages_of({"title": title, "text": text}, USUAL)


@given(words, words)
@example("a" * 301, "b\u0301" * 2_000)
@example("", "\u0301" * 5_000)
def test_no_text_is_lost_and_no_passage_is_too_wide(title: str, text: str) -> None:
    title, text = f"T{title}", f"x{text}"
    made = of(title, text)
    (head,) = {one.title for one in made}
    assert "".join("".join(one.text.split()) for one in made) == shown(title)[len(shown(head)) :] + shown(text)
    assert shown(title).startswith(shown(head))
    assert width(head) <= TITLE_WIDTH
    for one in made:
        assert width(one.whole) <= MOST_WIDTH
        assert unicodedata.is_normalized("NFC", one.whole)
        assert one.whole.encode().decode() == one.whole
        assert one.text == " ".join(one.text.split())


@given(words, words, st.sampled_from(["\r\n", "  ", "\t", "\u3000", "\u2028"]))
def test_same_words_give_same_passages_however_they_are_spaced_and_spelled(title: str, text: str, space: str) -> None:
    spaced = [" ".join(one.split()) for one in (title, text)]
    written = [unicodedata.normalize("NFD", one).replace(" ", space) for one in spaced]
    assert [one.source for one in of(*spaced)] == [one.source for one in of(*written)]


def test_passages_are_cut_behind_sentences_and_begun_with_the_title() -> None:
    made = of("A cat", ENGLISH * 40)
    assert len(made) == 3
    assert all(one.whole.startswith("A cat\nThe cat sat") or one.text[0] in "WN" for one in made)
    assert all(one.text.endswith((".", "?", "!")) for one in made)


@pytest.mark.parametrize(("text", "ends"), [(JAPANESE, "。"), (ARABIC, ".؟"), (ENGLISH, ".?!")])
def test_sentences_of_many_scripts_stay_whole(text: str, ends: str) -> None:
    made = of("", text * 60)
    assert len(made) > 1
    assert all(one.text[-1] in ends for one in made)


def test_a_passage_that_is_half_full_ends_with_its_paragraph() -> None:
    assert len(of(None, "\n\n".join([ENGLISH * 9, ENGLISH]))) == 1
    paragraphs = [ENGLISH * 9, ENGLISH * 10, ENGLISH]
    assert [len(one.text) for one in of(None, "\n\n".join(paragraphs))] == [len(part) - 1 for part in paragraphs]


def test_a_text_without_sentences_is_cut_between_words_and_one_without_words_between_characters() -> None:
    assert all(one.text.split(" ") == ["word"] * len(one.text.split(" ")) for one in of(None, "word " * 500))
    for whole in (FAMILY, FLAG, "e\u0323\u0301"):
        drawn = unicodedata.normalize("NFC", whole)
        for one in of(None, drawn * 700):
            assert one.text == drawn * (len(one.text) // len(drawn))


def test_thai_keeps_vowels_and_tones_with_their_letters() -> None:
    made = of(None, THAI.replace(" ", "") * 40)
    assert len(made) > 1
    assert not any(unicodedata.category(one.text[0]).startswith("M") for one in made)


def test_documents_of_little() -> None:
    assert of() == of("", " \n") == of(True, {}) == of("n/a", "\0\x01") == ()
    assert of("Only a title") == (Passage("Only a title", ""),)
    assert of(None, "Only a text") == (Passage("", "Only a text"),)
    assert of(1984, ["A novel.", "By Orwell."]) == (Passage("1984", "A novel. By Orwell."),)


def test_a_long_title_goes_on_as_text() -> None:
    (made, *_) = of("word " * 100, "The text.")
    assert made.title == ("word " * 60).strip()
    assert made.text == "word " * 40 + "The text."


def test_usual_names_and_named_fields() -> None:
    document = {"name": "N", "headline": "H", "title": "-", "body": "B", "content": "C"}
    assert passages_of(document, USUAL) == (Passage("N", "B"),)
    assert passages_of(document, PassageFields(("headline",), ("content", "none", "body"))) == (Passage("H", "C B"),)
    assert passages_of(document, PassageFields(text=("none",))) == (Passage("N", ""),)


def test_other_fields_leave_the_source_as_it_is() -> None:
    said = {"title": "Boots", "text": ENGLISH}
    sources = {passages_of({**said, "price": price, "images": ["a"]}, USUAL)[0].source for price in range(3)}
    assert len(sources) == 1


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "。" * 300_000, "\u0301" * 500_000, ". " * 500_000, "\n \n" * 300_000]
)
def test_a_megabyte_takes_a_moment(text: str) -> None:
    started = time.process_time()
    of("T", text)
    assert time.process_time() - started < 20
