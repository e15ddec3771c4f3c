"""The newsroom that is made up: enough of it, of every topic, the same for the same seed, with copies and languages."""

from __future__ import annotations

from collections import Counter
from datetime import date
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from tonari.catalogue.documents import check_id
from tonari.catalogue.passages import MOST_WIDTH
from tonari.fields.schema import parse_schema
from tonari_newsroom import write_newsroom
from tonari_newsroom.articles import AGENCY, Article, newsroom
from tonari_newsroom.material import read_material
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue


@pytest.fixture(scope="module")
def articles() -> list[Article]:
    return list(newsroom())


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> LocalCatalogue:
    folder = tmp_path_factory.mktemp("newsroom") / "written"
    return read_catalogue(folder, Reading(write_newsroom(folder)))


def test_it_is_what_push_takes(pushed: LocalCatalogue, articles: list[Article]) -> None:
    assert [(item.id, (item.fields or {})["title"]) for item in pushed.items] == [
        (one.id, one.title) for one in articles
    ]
    assert not any(item.views for item in pushed.items)


def test_its_schema_names_the_attributes(pushed: LocalCatalogue) -> None:
    assert pushed.schema is not None
    schema = parse_schema(pushed.schema, [dict(item.fields or {}) for item in pushed.items])
    assert {*schema.attributes} == {"topic", "tags"}
    assert not schema.fields["text"].filterable


def test_the_seed_decides(articles: list[Article], tmp_path: Path) -> None:
    assert list(newsroom()) == articles
    assert list(newsroom(1)) != articles
    assert write_newsroom(tmp_path / "one").read_bytes() == write_newsroom(tmp_path / "other").read_bytes()


def test_there_is_enough_of_every_topic(articles: list[Article]) -> None:
    topics = Counter(one.topic for one in articles)
    assert len(articles) > 400
    assert len(topics) == 6
    assert min(topics.values()) > 60
    assert len({check_id(one.id) for one in articles}) == len(articles)
    assert all(date.fromisoformat(one.date) for one in articles)
    assert not [one for one in articles if "{" in one.title + one.text or "}" in one.title + one.text]


def test_most_are_short_and_some_have_several_passages(articles: list[Article]) -> None:
    reviews = [one for one in articles if one.tags == ("review",)]
    others = [one for one in articles if one.tags not in {("review",), ("translation",)}]
    assert len(reviews) == 6
    assert min(len(one.text) for one in reviews) > 2 * MOST_WIDTH
    assert sum(60 <= len(one.text.split()) <= 250 for one in others) > 0.95 * len(others)


def test_what_an_agency_sends_is_nearly_another_article(articles: list[Article]) -> None:
    copies = [one for one in articles if one.author == AGENCY]
    assert len(copies) > 15
    for copy in copies:
        first = next(one for one in articles if one.title == copy.title.removesuffix(": what we know"))
        assert first.text != copy.text
    like = [
        max(
            SequenceMatcher(None, copy.text, one.text).ratio()
            for one in articles
            if one is not copy and one.topic == copy.topic
        )
        for copy in copies[:3]
    ]
    assert min(like) > 0.8


def test_some_are_in_other_languages(articles: list[Article]) -> None:
    texts = [one.text for one in articles if one.tags == ("translation",)]
    assert sum("。" in text for text in texts) == 6
    assert sum(" de " in text for text in texts) == 6


def test_each_part_can_be_told_in_several_ways() -> None:
    for event in read_material().events:
        for ways in (event.titles, event.leads, event.quotes, event.closings, *event.details):
            assert len({*ways}) == len(ways) >= 2, (event.tags, ways)
