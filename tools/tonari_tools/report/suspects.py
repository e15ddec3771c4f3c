"""The audit: labels to look at again, pictures that are there twice, values that are missing."""

from __future__ import annotations

from collections.abc import Iterable

from tonari_tools.report.blocks import identity, label, labels, picture, section, words
from tonari_tools.report.findings import Contradicted, Duplicates, Missing
from tonari_tools.report.goods import Goods
from tonari_tools.report.markup import Html, join, tag
from tonari_tools.report.material import Material, images_shown, missing_by_attribute, neighbours_shown
from tonari_tools.report.say import count, percent


def show_audit(material: Material) -> Html:
    """Show what the audit found."""
    said = words(
        "Read from the same numbers as the figures above. Nothing is ever written back to the catalogue:",
        "look, and correct the item documents where the audit is right. tonari audit prints all of it.",
    )
    return section("audit", "Audit", said, _contradicted(material), _duplicates(material), _missing(material))


def _contradicted(material: Material) -> Html:
    found = material.findings.contradicted
    heading = tag("h3", "Labels that both methods contradict")
    if not found.count:
        return join(heading, words(f"None among {count(found.checked, 'checked label')}."))
    said = words(
        f"{count(found.count, 'label')} of {found.checked:,} checked, the surest first; the discriminant alone doubts",
        f"{material.findings.suspected:,}. Beside each item its nearest neighbours: where they look alike and the",
        "label does not fit, it is wrong; else the item is unusual.",
    )
    cards = (_contradiction(material, one) for one in found.items)
    return join(heading, said, _cards(cards, "wide"), _rest(found.count, len(found.items)))


def _contradiction(material: Material, one: Contradicted) -> Html:
    goods = material.goods[one.id]
    verdict = tag(
        "div",
        identity(one.id),
        tag("p", f"{one.attribute} ", label(one.label, "wrong")),
        tag("p", "discriminant ", label(one.discriminant, note=f" {percent(one.probability)}")),
        tag("p", "vote ", label(one.vote, note=f" {percent(one.share)}")),
        class_="about",
    )
    near = (material.goods[item] for item in neighbours_shown(one))
    shown = (_small(material, neighbour, one.attribute) for neighbour in near)
    neighbours = tag("ul", *shown, class_="strip", aria_label=f"Nearest to {one.id}")
    return tag("li", picture(material.thumbnails, goods.image, one.id), verdict, neighbours)


def _small(material: Material, goods: Goods, attribute: str) -> Html:
    return tag("li", picture(material.thumbnails, goods.image, goods.id), labels(goods, attribute))


def _duplicates(material: Material) -> Html:
    found, alike = material.findings.duplicates, material.findings.alike
    heading = tag("h3", "Nearly the same picture")
    if not found.count:
        return join(heading, words(f"None among {count(found.checked, 'picture')} (cosine of {alike:g} or more)."))
    said = words(
        f"{count(found.count, 'group')} of items whose pictures have a cosine similarity of {alike:g} or more, among",
        f"{count(found.checked, 'picture')}. What is there twice takes two places in every answer: delete one, or give",
        "variants pictures of their own.",
    )
    cards = (_group(material, one) for one in found.items)
    return join(heading, said, _cards(cards), _rest(found.count, len(found.items)))


def _group(material: Material, group: Duplicates) -> Html:
    shown = images_shown(group)
    tiles = (tag("li", picture(material.thumbnails, key, key)) for key in shown)
    more = f"and {group.size - len(shown):,} more" if group.size > len(shown) else None
    names = tag("p", *(join(identity(item), " ") for item in group.ids[: len(shown)]), more)
    about = tag("div", names, tag("p", f"cosine {group.score:.3f}", class_="soft"), class_="about")
    return tag("li", tag("ul", *tiles, class_="strip"), about)


def _missing(material: Material) -> Html:
    found = material.findings.missing
    heading = tag("h3", "Values that could be filled in")
    if not found.count:
        lacking = f"Of {count(found.checked, 'gap')} none is predicted with enough confidence to be filled."
        return join(heading, words(lacking if found.checked else "No item lacks a value of an attribute."))
    said = words(
        f"{count(found.count, 'value')} that items lack and that are predicted with enough confidence to be given",
        f"({count(found.checked, 'gap')} checked). ✓ where the vote of the neighbours says the same.",
    )
    parted = missing_by_attribute(found)
    cards = (join(tag("h4", name), _cards(_gap(material, one) for one in missing)) for name, missing in parted.items())
    return join(heading, said, *cards, _rest(found.count, len(found.items)))


def _gap(material: Material, one: Missing) -> Html:
    value = label(one.value, "right" if one.agree else "", f" {percent(one.probability)}")
    about = tag("div", identity(one.id), tag("p", value), class_="about")
    return tag("li", picture(material.thumbnails, material.goods[one.id].image, one.id), about)


def _cards(cards: Iterable[Html], kind: str = "") -> Html:
    return tag("ul", *cards, class_=f"cards {kind}".rstrip())


def _rest(total: int, shown: int) -> Html | None:
    return words(f"Shown are {shown:,} of {total:,}.") if total > shown else None
