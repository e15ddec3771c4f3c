"""Examples: what a search finds next door to some items."""

from __future__ import annotations

from collections.abc import Sequence

from tonari_tools.report.blocks import identity, label, labels, picture, section, words
from tonari_tools.report.examples import Example, Neighbour
from tonari_tools.report.goods import Goods
from tonari_tools.report.markup import Html, join, tag
from tonari_tools.report.material import Material

MOST_ATTRIBUTES = 3


def show_examples(material: Material) -> Html:
    """Show some items and the items that a search finds nearest to them."""
    names = [one.name for one in material.attributes][:MOST_ATTRIBUTES]
    said = words(
        "Items chosen by a seed, of classes as different as may be, each with the other items that a search finds",
        "nearest, by cosine similarity. ✗ marks a label that is not the item's own.",
        "tonari report --seed 1 chooses others.",
    )
    if not material.examples:
        return section("examples", "Neighbours", words("There is no item with a picture."))
    rows = (_row(material, one, names) for one in material.examples)
    return section("examples", "Neighbours", said, tag("ul", *rows, class_="examples"))


def _row(material: Material, example: Example, names: Sequence[str]) -> Html:
    goods = example.goods
    own = (tag("p", labels(goods, name)) for name in names)
    first = tag(
        "div",
        picture(material.thumbnails, goods.image, goods.id),
        tag("div", identity(goods.id), *own, class_="about"),
        class_="query",
    )
    near = (_neighbour(material, goods, one, names) for one in example.neighbours)
    return tag("li", first, tag("ol", *near, class_="strip", aria_label=f"Nearest to {goods.id}"))


def _neighbour(material: Material, query: Goods, near: Neighbour, names: Sequence[str]) -> Html:
    said = (tag("p", _compare(query, near.goods, name)) for name in names)
    tile = picture(material.thumbnails, near.goods.image, near.goods.id)
    return tag("li", tile, tag("span", f"{near.score:.3f}", class_="score"), *said)


def _compare(query: Goods, other: Goods, name: str) -> Html:
    own, its = query.labels.get(name, ()), other.labels.get(name, ())
    if not own or not its or set(own) & set(its):
        return labels(other, name)
    return join(label(its[0], "wrong"), f" +{len(its) - 1}" if len(its) > 1 else None)
