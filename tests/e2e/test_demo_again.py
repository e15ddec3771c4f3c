"""A demo that is started again with other settings shows the new state from its first answer on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from e2e.demos import Demo, eventually, tonari
from integration.shop import PRODUCTS, draw
from pictures import encoded

SHOWN = PRODUCTS[:4]
BY_SKU = [f"S-{number}" for number in range(len(SHOWN))]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Four pictures, and two tables of them: one has prices in euros, the other other ids and other prices."""
    (tmp_path / "photos").mkdir()
    for product in SHOWN:
        picture = encoded(draw(product.color, product.category, inset=40), "PNG")
        (tmp_path / "photos" / f"{product.id}.png").write_bytes(picture)
    old = "\n".join(["id,price,color", *(f"{one.id},10,{one.color}" for one in SHOWN)])
    new = "\n".join(["sku,image,price", *(f"{sku},{one.id}.png,20" for sku, one in zip(BY_SKU, SHOWN, strict=True))])
    (tmp_path / "old.csv").write_text(old)
    (tmp_path / "new.csv").write_text(new)
    return tmp_path


def shown(demo: Demo) -> dict[str, float | None]:
    """Give price by id of all items."""
    return {one.id: one.fields.get("price") for one in demo.client.items_all()}


def test_other_settings_show_the_new_state_and_keep_what_others_wrote(place: Path) -> None:
    with Demo(place, "photos", "--metadata", "old.csv") as demo:
        assert shown(demo).keys() == {one.id for one in SHOWN}
        picture = (place / "photos" / f"{SHOWN[0].id}.png").read_bytes()
        demo.client.put_item("by hand", {"price": 3}, {"a.png": picture})
        eventually(lambda: "by hand" in shown(demo))
        refused = tonari("demo", "photos", "--fresh", "--port", "0", place=place)
        assert (refused.returncode, b"end it first" in refused.stderr) == (1, True)

    (place / "photos" / "schema.json").write_text(json.dumps({"fields": {"price": {"type": "number"}}}))
    with Demo(place, "photos", "--metadata", "new.csv", "--id", "sku") as demo:
        assert demo.client.health().items == len(SHOWN) + 1
        assert shown(demo).keys() == {*BY_SKU, "by hand"}
        assert demo.client.item(BY_SKU[1]).fields["price"] == 20
        assert "color" not in demo.client.health().attributes

    (place / "photos" / f"{SHOWN[3].id}.png").unlink()
    (place / "photos" / "schema.json").unlink()
    (place / "new.csv").write_text("\n".join((place / "new.csv").read_text().splitlines()[:-1]))
    with Demo(place, "photos", "--metadata", "new.csv", "--id", "sku") as demo:
        assert shown(demo).keys() == {*BY_SKU[:3], "by hand"}, "deletions alone are a new state too"

    with Demo(place, "photos", "--metadata", "new.csv", "--id", "sku", "--fresh") as demo:
        assert shown(demo).keys() == set(BY_SKU[:3])
        assert len(list((place / "photos").iterdir())) == 3


def test_the_running_demo_is_written_to_without_any_key_and_nothing_stale_stays(place: Path) -> None:
    """By the API, by a file that is laid into its folder, and by a push with other settings, then with a schema."""
    no_keys = {
        "AWS_PROFILE": "unknown",
        "AWS_CONFIG_FILE": "/dev/null/x",
        "AWS_CA_BUNDLE": "/nowhere",
        "http_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "all_proxy": "socks5://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    }
    by_sku = ("push", "photos", "--metadata", "new.csv", "--id", "sku")
    with Demo(place, "photos", "--metadata", "old.csv", variables=no_keys) as demo:
        picture = place / "photos" / f"{SHOWN[0].id}.png"
        demo.client.put_item("put", {"price": 1}, {"a.png": picture})
        laid_in = next((place / ".tonari").glob("photos-*/catalogue/images")) / "laid in"
        laid_in.mkdir()
        shutil.copy(picture, laid_in)
        eventually(lambda: {"put", "laid in"} <= shown(demo).keys())

        pushed = tonari(*by_sku, place=place, variables=no_keys)
        assert pushed.returncode == 0, pushed.stderr
        assert b"tonari: the demo photos (http://127.0.0.1:" in pushed.stderr
        eventually(lambda: shown(demo).keys() == {*BY_SKU, "put", "laid in"})
        found = tonari("search", str(picture), "-k", "1", "--json", place=place, variables=no_keys)
        assert json.loads(found.stdout)["items"][0]["id"] in {BY_SKU[0], "put", "laid in"}

        (place / "photos" / "schema.json").write_text('{"fields": {"price": {"type": "string", "attribute": true}}}')
        assert tonari(*by_sku, place=place, variables=no_keys).returncode == 0
        eventually(lambda: "price" in demo.client.health().attributes)
