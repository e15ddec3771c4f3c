"""The page's search box: over the demo shop, whose items have names, and over a few articles without a picture."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser.conftest import GONE_WITHIN, READY_WITHIN, free_port, healthy
from browser.test_page import begin, cards, choose, console, fetch, heading_is, ids, text, until
from joint_pair import bundle_of, learn
from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari_shop.assortment import assortment
from tonari_shop.studio import photograph
from tonari_tools.models.texts.bundle_folder import write_bundle
from tonari_tools.onnx.default import read_default

pytestmark = pytest.mark.browser

TONARI = (sys.executable, "-m", "tonari_tools.cli.main")
PICTURED = 60
"""Items of the drawn shop, from half of which a joint encoder is learned."""
ARTICLES = (
    (
        "ferry",
        "Ferry strike ends after nine days",
        "Boats cross again. The crews accepted better pay.",
        "transport",
    ),
    ("tram", "New tram line opens in the north", "Trams now reach the hospital in ten minutes.", "transport"),
    ("storm", "Storm takes roofs off along the coast", "Wind of 140 kilometres an hour broke windows.", "weather"),
    ("frost", "Late frost harms the orchards", "Growers lit fires between the trees all night.", "weather"),
    ("final", "Harbour side wins the cup", "A goal in the last minute decided the match.", "sport"),
    ("record", "Runner breaks a record of twenty years", "She finished the marathon two minutes sooner.", "sport"),
)


def search(browser: Chrome, words: str) -> None:
    box = browser.find_element(By.ID, "text")
    box.clear()
    box.send_keys(words, Keys.ENTER)


def marks(browser: Chrome) -> set[str]:
    return {one.text.lower() for one in browser.find_elements(By.CSS_SELECTOR, "#grid mark")}


def test_words_find_items_of_a_shop(browser: Chrome, demo_url: str) -> None:
    begin(browser, demo_url)
    search(browser, "red boots")
    until(browser, heading_is("Found by “red boots”"), "what the words find")
    first = fetch(f"{demo_url}/v1/items/{ids(browser)[0]}")["fields"]
    assert (first["color"], first["category"]) == ("red", "boot")
    assert marks(browser) == {"boot"}
    assert parse_qs(urlsplit(browser.current_url).query) == {"text": ["red boots"]}
    assert not browser.find_element(By.ID, "predictions").is_displayed()
    assert "path words" in text(browser, "#facts")

    browser.refresh()
    until(browser, heading_is("Found by “red boots”"), "the same from the address")
    assert browser.find_element(By.ID, "text").get_attribute("value") == "red boots"
    browser.back()
    until(browser, heading_is("Or begin"), "where the visit began")
    assert console(browser) == []


def test_filters_narrow_what_words_find(browser: Chrome, demo_url: str) -> None:
    begin(browser, demo_url)
    search(browser, "boot")
    until(browser, heading_is("Found by"), "boots")
    browser.execute_script(
        "[...document.querySelectorAll('[data-field=color]')].find((one) => one.dataset.value === '\"blue\"').click()"
    )
    until(browser, lambda b: 0 < len(cards(b)) < 5, "blue boots alone")
    colours = {fetch(f"{demo_url}/v1/items/{one}")["fields"]["color"] for one in ids(browser)}
    assert colours == {"blue"}


def test_words_that_nothing_has_are_told(browser: Chrome, demo_url: str) -> None:
    begin(browser, demo_url)
    search(browser, "zeppelin")
    until(browser, lambda b: b.find_element(By.ID, "nothing").is_displayed(), "that nothing has the word")
    assert text(browser, "#nothing") == "No item has any of these words."
    search(browser, "the and of")
    until(browser, lambda b: b.find_element(By.ID, "notice").is_displayed(), "that these words say nothing")
    assert "The text cannot be searched with" in text(browser, "#notice")
    search(browser, "mug")
    until(browser, heading_is("Found by “mug”"), "the next search")
    assert not browser.find_element(By.ID, "notice").is_displayed()


def test_the_box_is_found_by_key_and_by_its_role(browser: Chrome, demo_url: str) -> None:
    begin(browser, demo_url)
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    box = browser.switch_to.active_element
    assert (box.get_attribute("id"), box.get_attribute("value")) == ("text", "")
    assert box.accessible_name == "Search with words"
    assert browser.find_element(By.ID, "ask").aria_role == "search"


def test_a_picture_takes_the_place_of_words(browser: Chrome, demo_url: str, tmp_path: Path) -> None:
    shown = tmp_path / "shown.jpg"
    begin(browser, demo_url)
    search(browser, "mug")
    until(browser, heading_is("Found by “mug”"), "mugs")
    one = next(iter(assortment()))
    shown.write_bytes(photograph(one.product, *next(iter(one.views.values()))))
    choose(browser, shown)
    until(browser, heading_is("Nearest to your picture"), "neighbours of the picture")
    assert browser.find_element(By.ID, "text").get_attribute("value") == ""
    assert not browser.find_element(By.ID, "beside").is_displayed()


@pytest.fixture(scope="module")
def articles_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Articles as a newsroom pushes them, by the default encoder of texts, served from folders."""
    home = tmp_path_factory.mktemp("articles")
    with (home / "articles.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "title", "text", "topic"), *ARTICLES])
    buckets = home / "catalogue", home / "artefacts"
    for bucket in buckets:
        bucket.mkdir()
    where = ["--catalogue", str(buckets[0])], ["--artefacts", str(buckets[1])]
    for command in (["init", "--texts", *where[1]], ["push", str(home / "articles.csv"), *where[0]]):
        run(home, *command)
    with served(home, buckets) as url:
        yield url


def run(home: Path, *command: str) -> None:
    done = subprocess.run([*TONARI, *command], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def served(home: Path, buckets: tuple[Path, Path]) -> Iterator[str]:
    """Serve a catalogue and its artefacts from two folders, indexed."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (home / "log").open("wb") as out:
        command = [*TONARI, "serve", *map(str, buckets), "--port", str(port)]
        serving = subprocess.Popen(command, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not healthy(url):
                if serving.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"Not ready (exit code {serving.poll()}):\n{(home / 'log').read_text()[-4000:]}")
                time.sleep(0.5)
            yield url
        finally:
            if serving.poll() is None:
                os.kill(serving.pid, signal.SIGINT)
            serving.wait(GONE_WITHIN)


def test_articles_are_read_and_not_looked_at(browser: Chrome, articles_url: str) -> None:
    browser.get(f"{articles_url}/")
    until(browser, lambda b: len(cards(b)) == len(ARTICLES), "all articles")
    assert not browser.find_element(By.ID, "drop").is_displayed()
    assert browser.find_elements(By.CSS_SELECTOR, "#grid img") == []
    assert text(browser, "#facts") == "6 items in the catalogue, 6 passages of text"

    search(browser, "ships are sailing again")
    until(browser, heading_is("Found by"), "articles")
    assert ids(browser)[0] == "ferry"
    assert "fused" in text(browser, "#facts")
    assert "Boats cross again" in cards(browser)[0].text
    assert "again" in marks(browser)

    search(browser, "windows break at night with the crew")
    until(browser, heading_is("Found by “windows"), "other articles")
    assert marks(browser) == {"windows", "breaks", "night", "crews"}

    next(one for one in cards(browser) if one.get_attribute("data-id") == "ferry").click()
    until(browser, heading_is("Similar to Ferry strike ends"), "articles like this one")
    assert "ferry" not in ids(browser)
    assert not browser.find_element(By.ID, "stage").is_displayed()
    assert "The crews accepted better pay." in text(browser, "#known")
    assert console(browser) == []


@pytest.fixture(scope="module")
def joint_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A part of the drawn shop by a joint encoder that was learned from half of it."""
    home = tmp_path_factory.mktemp("joint")
    articles = list(islice(assortment(), 0, None, 3))[:PICTURED]
    pictures = [photograph(one.product, *next(iter(one.views.values()))) for one in articles]
    built = read_default()
    (home / "model.onnx").write_bytes(built.model)
    encoder = ImageEncoder(EncoderConfig.parse(built.config), home / "model.onnx")
    taught = np.array([encoder.encode(one) for one in pictures[::2]])
    texts = [f"{one.fields['color']} {one.fields['category']}" for one in articles[::2]]
    buckets = home / "catalogue", home / "artefacts"
    (home / "photos").mkdir()
    for bucket in buckets:
        bucket.mkdir()
    write_bundle(home / "pair", bundle_of(learn(taught, texts), built.model, built.config))
    with (home / "photos" / "items.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "image", "color", "category"))
        for one, picture in zip(articles, pictures, strict=True):
            (home / "photos" / f"{one.id}.jpg").write_bytes(picture)
            rows.writerow((one.id, f"{one.id}.jpg", one.fields["color"], one.fields["category"]))
    run(home, "init", "--encoder", str(home / "pair"), "--artefacts", str(buckets[1]))
    run(home, "push", str(home / "photos"), "--catalogue", str(buckets[0]))
    with served(home, buckets) as url:
        yield url


def test_words_stand_beside_a_picture_where_the_encoder_knows_both(browser: Chrome, joint_url: str) -> None:
    browser.get(f"{joint_url}/")
    until(browser, lambda b: len(cards(b)) > 5, "items to begin with")
    assert not browser.find_element(By.ID, "beside").is_displayed()
    cards(browser)[0].click()
    until(browser, heading_is("Similar to"), "similar items")
    alone = ids(browser)
    browser.find_element(By.CSS_SELECTOR, "#beside input").click()
    search(browser, "green mug")
    until(browser, lambda b: " and “green mug”" in text(b, "#heading") and ids(b), "both together")
    together = ids(browser)
    assert together != alone
    kinds = [fetch(f"{joint_url}/v1/items/{one}")["fields"] for one in together[:6]]
    assert any(one["category"] == "mug" or one["color"] == "green" for one in kinds)
    assert {"item", "text"} == {*parse_qs(urlsplit(browser.current_url).query)}
    assert console(browser) == []
