"""The page at ``GET /``, in a real Chromium, over the demo shop and the real handlers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import pytest
import urllib3
from PIL import Image, ImageDraw
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser

T = TypeVar("T")

PATIENCE = 30
DROP = "new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true})"
PASTE = "new ClipboardEvent('paste', {clipboardData: carried, bubbles: true, cancelable: true})"
HOSTILE = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"


def until(browser: Chrome, condition: Callable[[Chrome], T], what: str) -> T:
    return WebDriverWait(browser, PATIENCE).until(condition, what)


def cards(browser: Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, "#grid .item")


def ids(browser: Chrome) -> list[str]:
    found: list[str] = browser.execute_script(
        "return document.querySelector('#grid').ariaBusy === 'true' ? [] :"
        " [...document.querySelectorAll('#grid .item')].map((item) => item.dataset.id)"
    )
    return found


def text(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def all_pictures_loaded(browser: Chrome) -> bool:
    loaded: bool = browser.execute_script(
        "const all = [...document.querySelectorAll('#grid img')];"
        "return all.length > 0 && all.every((one) => one.complete && one.naturalWidth > 0)"
    )
    return loaded


def begin(browser: Chrome, url: str) -> None:
    browser.get(f"{url}/")
    until(browser, all_pictures_loaded, "sample items with their pictures")


def choose(browser: Chrome, path: Path) -> None:
    browser.find_element(By.ID, "file").send_keys(str(path))


def heading_is(beginning: str) -> Callable[[Chrome], bool]:
    return lambda browser: text(browser, "#heading").startswith(beginning) and bool(ids(browser))


def log(browser: Any, kind: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = browser.get_log(kind)
    return entries


def console(browser: Chrome) -> list[str]:
    return [entry["message"] for entry in log(browser, "browser") if entry["level"] in {"WARNING", "SEVERE"}]


def ask(method: str, url: str, **given: Any) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager(timeout=PATIENCE, retries=False) as pool:
        return pool.request(method, url, redirect=False, **given)


def fetch(url: str) -> dict[str, Any]:
    answer = ask("GET", url)
    assert answer.status == 200, answer.data
    body: dict[str, Any] = answer.json()
    return body


def fields_of(url: str, item: str) -> dict[str, Any]:
    fields: dict[str, Any] = fetch(f"{url}/v1/items/{quote(item, safe='')}")["fields"]
    return fields


def store_host(url: str) -> str:
    """Host and port of the presigned URL to which an item's image leads."""
    item = quote(fetch(f"{url}/v1/health")["samples"][0], safe="")
    answer = ask("GET", f"{url}/v1/items/{item}/image")
    assert answer.status == 302
    return urlsplit(answer.headers["Location"]).netloc


def hosts_asked(browser: Chrome) -> set[str]:
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in {"http", "https", "ws", "wss"}}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    drawn = Image.new("RGB", (400, 400), "white")
    ImageDraw.Draw(drawn).polygon(
        [
            (60, 120),
            (140, 60),
            (260, 60),
            (340, 120),
            (300, 180),
            (270, 160),
            (270, 350),
            (130, 350),
            (130, 160),
            (100, 180),
        ],
        fill=(190, 20, 30),
    )
    path = tmp_path / "red shirt.png"
    drawn.save(path)
    return path


def test_first_screen_shows_items_with_their_pictures(browser: Chrome, demo_url: str, tmp_path: Path) -> None:
    begin(browser, demo_url)
    assert browser.title == "tonari 隣"
    assert ids(browser) == fetch(f"{demo_url}/v1/health")["samples"]
    shot = tmp_path / "start.png"
    assert browser.save_screenshot(str(shot))
    with Image.open(shot) as image:
        assert len(image.convert("RGB").resize((64, 64)).getcolors(4096) or []) > 16


def test_a_chosen_picture_brings_neighbours_and_predictions(browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours of the picture")
    until(browser, all_pictures_loaded, "the neighbours' pictures")
    assert len(cards(browser)) >= 5
    scores = [float(one.text) for one in browser.find_elements(By.CSS_SELECTOR, "#grid .number")]
    assert scores == sorted(scores, reverse=True)
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#attributes .guess.first"), "predictions")
    attributes = fetch(f"{demo_url}/v1/health")["attributes"]
    firsts = [one.text.split("\n")[0] for one in browser.find_elements(By.CSS_SELECTOR, "#attributes .guess.first")]
    assert len(firsts) == len(attributes)
    assert all(one.removeprefix("perhaps ") in attributes[field] for one, field in zip(firsts, attributes, strict=True))
    sent = {"body": picture.read_bytes(), "headers": {"content-type": "image/png"}}
    said = ask("POST", f"{demo_url}/v1/predict", **sent).json()["predictions"]
    assert [one.startswith("perhaps ") for one in firsts] == [said[field]["abstained"] for field in attributes]
    facts = text(browser, "#facts")
    assert "path " in facts
    assert " ms" in facts


@pytest.mark.parametrize("gesture", [DROP, PASTE], ids=["dropped", "pasted"])
def test_a_picture_can_be(gesture: str, browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    browser.execute_script(
        "const bytes = Uint8Array.from(atob(arguments[0]), (one) => one.charCodeAt(0));"
        "const carried = new DataTransfer();"
        "carried.items.add(new File([bytes], 'shirt.png', {type: 'image/png'}));"
        f"document.querySelector('#drop').dispatchEvent({gesture})",
        base64.b64encode(picture.read_bytes()).decode(),
    )
    until(browser, heading_is("Nearest to your picture"), "neighbours of the picture")
    assert len(cards(browser)) >= 5


def test_the_method_of_prediction_can_be_switched(browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#attributes .guess.first"), "predictions by default")
    means = text(browser, "#attributes")
    browser.find_element(By.CSS_SELECTOR, "#method input[value=vote]").send_keys(Keys.SPACE)
    until(browser, lambda b: text(b, "#attributes") not in {"", means}, "predictions by vote")


def test_a_picture_like_nothing_in_the_catalogue_is_told(
    browser: Chrome, demo_url: str, picture: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "noise.png"
    Image.effect_noise((300, 300), 90).save(strange)
    begin(browser, demo_url)
    choose(browser, strange)
    until(browser, heading_is("Nearest to your picture"), "the nearest nevertheless")
    until(browser, lambda b: b.find_element(By.ID, "stranger").is_displayed(), "a word that it is a stranger")
    assert text(browser, "#stranger").startswith("Like nothing in this catalogue. The nearest item has similarity 0.")
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#attributes .guess.first"), "what it is")
    firsts = {one.text for one in browser.find_elements(By.CSS_SELECTOR, "#attributes .guess.first")}
    assert firsts == {"like nothing in this catalogue"}
    assert not browser.find_elements(By.CSS_SELECTOR, "#attributes .evidence")

    choose(browser, picture)
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#attributes .evidence"), "neighbours that speak for it")
    assert not browser.find_element(By.ID, "stranger").is_displayed()


def test_an_item_has_its_label_and_neighbours_that_speak_for_and_against_it(browser: Chrome, demo_url: str) -> None:
    begin(browser, demo_url)
    item = ids(browser)[0]
    cards(browser)[0].click()
    until(browser, heading_is("Similar to"), "items similar to it")
    until(browser, lambda b: b.find_elements(By.CSS_SELECTOR, "#attributes .guess.first"), "its attributes")
    known = fields_of(demo_url, item)
    attributes = fetch(f"{demo_url}/v1/health")["attributes"]
    firsts = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#attributes .guess.first")]
    assert firsts == [f"{known[field]} (its label)" for field in attributes]
    assert "its neighbours" in text(browser, "#attributes")
    loaded = (
        "return [...document.querySelectorAll('.evidence img')].every((one) => one.complete && one.naturalWidth > 0)"
    )
    until(browser, lambda b: b.execute_script(loaded), "their pictures")
    link = browser.find_element(By.CSS_SELECTOR, ".evidence a")
    said = link.get_attribute("title")
    assert said
    assert any(said.startswith(f"{value}: ") for value in known.values() if isinstance(value, str))
    link.click()
    until(browser, lambda b: b.current_url.rpartition("item=")[2] not in ("", item), "the neighbour itself")


def test_filters_and_k_narrow_the_neighbours(browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours")
    before = ids(browser)
    dearest = browser.find_element(By.CSS_SELECTOR, "[data-field=price][data-operator='$lte']")
    limit = max(fields_of(demo_url, one)["price"] for one in before) - 0.5
    dearest.send_keys(str(limit))
    until(browser, lambda b: ids(b) not in ([], before), "other neighbours under the limit")
    narrowed = ids(browser)
    assert all(fields_of(demo_url, one)["price"] <= limit for one in narrowed)
    browser.find_element(By.CSS_SELECTOR, "#k option:first-child").click()
    until(browser, lambda b: len(ids(b)) == 6, "six items")
    assert ids(browser) == narrowed[:6]
    dearest.clear()
    dearest.send_keys(str(fetch(f"{demo_url}/v1/health")["fields"]["price"]["min"] - 1))
    until(browser, lambda b: b.find_element(By.ID, "nothing").is_displayed(), "a word that nothing passes")
    browser.find_element(By.CSS_SELECTOR, "[data-clear]").click()
    until(browser, lambda b: ids(b) == before[:6], "the first neighbours again")


def test_a_value_is_chosen_by_its_chip(browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours")
    before = ids(browser)
    nearest = fields_of(demo_url, before[0])["color"]
    chips = browser.find_elements(By.CSS_SELECTOR, "[data-field=color]")
    values = [json.loads(chip.get_dom_attribute("data-value") or "null") for chip in chips]
    chip, colour = next((chip, value) for chip, value in zip(chips, values, strict=True) if value != nearest)
    chip.send_keys(Keys.SPACE)
    until(browser, lambda b: ids(b) not in ([], before), "neighbours of that colour")
    found = [fields_of(demo_url, one)["color"] for one in ids(browser)]
    assert set(found) == {colour}


def counts(browser: Chrome, field: str) -> dict[Any, int]:
    found: dict[Any, int] = browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll(`[data-field=${arguments[0]}]`)].map((input) =>"
        " [JSON.parse(input.dataset.value), Number(input.nextElementSibling.querySelector('.count')?.textContent)]))",
        field,
    )
    return found


def test_several_values_of_a_field_can_be_ticked_and_each_says_how_many_it_adds(
    browser: Chrome, demo_url: str, picture: Path
) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours")
    before, colours = ids(browser), counts(browser, "color")
    items = fetch(f"{demo_url}/v1/items?k=1000")["items"]
    assert colours == {colour: sum(one["fields"].get("color") == colour for one in items) for colour in colours}
    names = sorted(colours)[:2]
    for number, colour in enumerate(names):
        shown = ids(browser)
        chips = browser.find_elements(By.CSS_SELECTOR, "[data-field=color]")
        next(c for c in chips if c.get_dom_attribute("data-value") == json.dumps(colour)).send_keys(Keys.SPACE)
        until(browser, lambda b, shown=shown: ids(b) not in ([], shown), "neighbours of these colours")
        assert {fields_of(demo_url, one)["color"] for one in ids(browser)} <= set(names[: number + 1])
        assert counts(browser, "color") == colours
    categories = counts(browser, "category")
    assert sum(categories.values()) == sum(colours[name] for name in names)
    assert before != ids(browser)


def test_like_this_but_of_another_colour(browser: Chrome, demo_url: str) -> None:
    item = fetch(f"{demo_url}/v1/health")["samples"][0]
    browser.get(f"{demo_url}/?item={quote(item)}")
    until(browser, heading_is("Similar to"), "similar items")
    before, own = ids(browser), fields_of(demo_url, item)["color"]
    choice = browser.find_element(By.ID, "shift")
    wanted = next(
        one
        for one in choice.find_elements(By.CSS_SELECTOR, "optgroup[label=Color] option")
        if json.loads(one.get_dom_attribute("value") or "{}")["color"] != own
    )
    colour = wanted.text
    wanted.click()
    until(browser, lambda b: ids(b) not in ([], before), "items of rather that colour")
    assert text(browser, "#heading").endswith(f", but {colour}")
    asked = quote(json.dumps({"color": colour}))
    found = fetch(f"{demo_url}/v1/items/{quote(item)}/similar?k=12&shift={asked}")["items"]
    assert ids(browser) == [one["id"] for one in found]
    choice.find_element(By.CSS_SELECTOR, "option").click()
    until(browser, lambda b: ids(b) == before, "the first items again")


@pytest.mark.parametrize("hand", ["pointer", "numbers"])
def test_a_part_of_the_picture(hand: str, browser: Chrome, demo_url: str, tmp_path: Path, picture: Path) -> None:
    wide = Image.new("RGB", (800, 400), (20, 60, 200))
    with Image.open(picture) as shirt:
        wide.paste(shirt, (0, 0))
    path = tmp_path / "two things.png"
    wide.save(path)
    begin(browser, demo_url)
    choose(browser, path)
    until(browser, heading_is("Nearest to your picture"), "neighbours of the whole")
    whole = ids(browser)
    stage = browser.find_element(By.ID, "stage")
    if hand == "pointer":
        width, height = stage.size["width"], stage.size["height"]
        down = min(height, width / 2)
        drag = ActionChains(browser).move_to_element_with_offset(stage, -width // 2 + 2, -int(down / 2) + 2)
        drag.click_and_hold().move_to_element_with_offset(stage, 0, int(down / 2) - 2).release().perform()
    else:
        assert not browser.find_element(By.CSS_SELECTOR, "#part fieldset").is_displayed()
        browser.find_element(By.CSS_SELECTOR, "#part summary").click()
        for name, value in (("x", 0), ("y", 0), ("width", 50), ("height", 100)):
            browser.find_element(By.CSS_SELECTOR, f"#part [name={name}]").send_keys(f"{value}\t")
    until(browser, lambda b: ids(b) not in ([], whole), "neighbours of the part")
    assert text(browser, "#heading") == "Nearest to a part of your picture"
    assert browser.find_element(By.ID, "box").is_displayed()
    alone = ask("POST", f"{demo_url}/v1/search?k=12", body=picture.read_bytes()).json()["items"]
    assert ids(browser)[0] in [one["id"] for one in alone[:3]]
    browser.find_element(By.CSS_SELECTOR, "#part [type=reset]").click()
    until(browser, lambda b: ids(b) == whole, "neighbours of the whole again")
    assert not browser.find_element(By.ID, "box").is_displayed()
    assert console(browser) == []


def test_an_item_leads_to_similar_items_and_back(browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours")
    before = ids(browser)
    cards(browser)[1].click()
    until(browser, heading_is("Similar to "), "similar items")
    similar = ids(browser)
    assert before[1] not in similar
    assert len(similar) >= 5
    until(browser, lambda b: text(b, "#known"), "the item's fields")
    address = browser.current_url
    browser.back()
    until(browser, lambda b: ids(b) == before, "the picture's neighbours again")
    browser.back()
    until(browser, heading_is("Or begin"), "the first screen again")
    browser.get(address)
    until(browser, lambda b: ids(b) == similar, "the same similar items at their own address")


def test_a_file_that_is_no_picture_is_explained(browser: Chrome, demo_url: str, tmp_path: Path, picture: Path) -> None:
    begin(browser, demo_url)
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear shop, what is this?")
    choose(browser, letter)
    until(browser, lambda b: b.find_element(By.ID, "notice").is_displayed(), "an explanation")
    assert text(browser, "#notice strong") == "Not a picture in a supported format"
    assert len(text(browser, "#notice span")) > 20
    assert not cards(browser)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours of the next picture")
    assert not browser.find_element(By.ID, "notice").is_displayed()


def test_a_large_rotated_photo_is_sent_small_and_upright(browser: Chrome, demo_url: str, tmp_path: Path) -> None:
    photo = Image.effect_noise((4000, 3000), 90)
    turned = Image.Exif()
    turned[0x0112] = 6
    path = tmp_path / "photo.jpg"
    photo.save(path, exif=turned, quality=95)
    assert path.stat().st_size > 4_400_000
    begin(browser, demo_url)
    choose(browser, path)
    until(browser, heading_is("Nearest to your picture"), "neighbours of the photo")
    size = browser.execute_script(
        "const shown = document.querySelector('#stage > img'); return [shown.naturalWidth, shown.naturalHeight]"
    )
    assert size == [768, 1024]


def test_an_unknown_item_is_explained(browser: Chrome, demo_url: str) -> None:
    browser.get(f"{demo_url}/?item=no-such-item")
    until(browser, lambda b: b.find_element(By.ID, "notice").is_displayed(), "an explanation")
    assert text(browser, "#notice strong") == "No such item"


def test_fields_are_shown_as_text(browser: Chrome, demo_url: str, picture: Path) -> None:
    fields = {"name": HOSTILE, "color": "red", "category": HOSTILE, "price": 1000.0}
    accepted = ask("PUT", f"{demo_url}/v1/items/hostile", json=fields)
    assert accepted.status == 202, accepted.data
    upload = accepted.json()["upload"]
    form = {**upload["fields"], "Content-Type": "image/png", "file": (picture.name, picture.read_bytes(), "image/png")}
    sent = ask("POST", upload["url"], fields=form)
    assert sent.status in {200, 201, 204}, sent.data

    begin(browser, demo_url)

    def appears(page: Chrome) -> bool:
        choose(page, picture)
        until(page, heading_is("Nearest to your picture"), "neighbours")
        return "hostile" in ids(page)

    until(browser, appears, "the pushed item among the neighbours")
    card = browser.find_element(By.CSS_SELECTOR, "[data-id=hostile]")
    assert card.find_element(By.CSS_SELECTOR, ".title").get_property("textContent") == HOSTILE
    card.click()
    until(browser, lambda b: HOSTILE in text(b, "#known"), "the fields as text")
    assert HOSTILE in browser.title
    assert browser.execute_script("return document.querySelectorAll('main script, img[src=x]').length") == 0


def test_a_phone_has_everything_in_its_width(browser: Chrome, demo_url: str, picture: Path) -> None:
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours")
    browser.find_element(By.CSS_SELECTOR, "#narrow summary").click()
    assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [360, 360]


def test_a_whole_visit_is_quiet_and_stays_at_home(browser: Chrome, demo_url: str, picture: Path) -> None:
    begin(browser, demo_url)
    choose(browser, picture)
    until(browser, heading_is("Nearest to your picture"), "neighbours")
    until(browser, all_pictures_loaded, "their pictures")
    cards(browser)[0].click()
    until(browser, heading_is("Similar to "), "similar items")
    until(browser, all_pictures_loaded, "their pictures")
    browser.back()
    until(browser, heading_is("Nearest to your picture"), "neighbours again")
    assert console(browser) == []
    home = urlsplit(demo_url).netloc
    asked = hosts_asked(browser)
    assert home in asked
    assert asked <= {home, store_host(demo_url)}
