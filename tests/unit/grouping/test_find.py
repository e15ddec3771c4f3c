from __future__ import annotations

import numpy as np
import pytest

from tonari.catalogue.holdout import thirtieths
from tonari.fields.columns import ClassColumn, Column, NumberColumn
from tonari.grouping import Found
from tonari.index.vectors import from_fixed, to_fixed

from .drawn import Drawn, draw, find, opaque, purity


def rules(found: Found) -> list[str]:
    return [one.rule for one in found.about.rules]


def keyed(drawn: Drawn) -> ClassColumn:
    values = tuple(f"p{number:04}" for number in range(int(drawn.thing.max()) + 1))
    return ClassColumn(drawn.thing.astype(np.int32), values)


def test_where_nothing_is_there_twice_nothing_is_grouped() -> None:
    for seed in range(5):
        drawn = draw(1500, 1, 0.0, seed)

        found = find(drawn, opaque(len(drawn)))

        assert found.about.items <= 0.02 * len(drawn)
        assert "looks" not in rules(found)


@pytest.mark.parametrize(("shots", "spread"), [(2, 0.3), (4, 0.35), (8, 0.35)])
def test_shots_of_one_thing_are_found_by_their_looks_alone(shots: int, spread: float) -> None:
    drawn = draw(1600 // shots, shots, spread)

    found = find(drawn, opaque(len(drawn)))

    pure, whole = purity(found.group, drawn.thing)
    assert rules(found)[0] == "looks"
    assert pure > 0.9
    assert whole > 0.8


@pytest.mark.parametrize(
    "name",
    [
        lambda thing, shot: f"mh{thing:03}-{('black', 'grey', 'red', 'blue')[shot]}_main",
        lambda thing, shot: f"IMG_{thing:04}_{shot}",
        lambda thing, shot: f"shelf{thing}-{shot:03}",
        lambda thing, shot: f"{'a long-name of-many-parts'.split('-', thing % 3)[0]} {thing} {shot}",
    ],
)
def test_names_with_a_stem_in_common_are_found(name: object) -> None:
    """The shots look only somewhat alike: colours of one product, say."""
    assert callable(name)
    drawn = draw(300, 4, 0.75)
    ids = [name(thing, place % 4) for place, thing in enumerate(drawn.thing.tolist())]

    for found in (find(drawn, ids), find(drawn, opaque(len(drawn)), file_names=[f"{one}.jpg" for one in ids])):
        assert purity(found.group, drawn.thing) == (1.0, 1.0)
        assert set(rules(found)) <= {"ids", "file names", "pictures"}


def test_a_whole_name_is_the_stem_though_things_share_words() -> None:
    """Two things share their first words and look somewhat alike: a shorter stem would be borne out as well."""
    drawn = draw(300, 4, 0.4)
    wide = from_fixed(drawn.fixed)
    model = drawn.thing // 12 * 6 + drawn.thing % 6
    alike = wide + np.random.default_rng(5).standard_normal((model.max() + 1, wide.shape[1]))[model] / 5
    fixed = to_fixed(alike / np.linalg.norm(alike, axis=1, keepdims=True))
    colours = ("", "-black", "-matte-black", "-rose-gold")
    ids = [
        f"air-fryer-{one}-{thing // 6 % 2 + 4}l{colours[place % 4]}"
        for place, (thing, one) in enumerate(zip(drawn.thing.tolist(), model.tolist(), strict=True))
    ]

    found = find(Drawn(drawn.thing, drawn.label, fixed), ids)

    assert purity(found.group, drawn.thing) == (1.0, 1.0)


def test_a_stem_that_names_the_class_is_not_one_of_a_thing() -> None:
    drawn = draw(1200, 1, 0.0)
    ids = [f"class{label}_{place:04}" for place, label in enumerate(drawn.label.tolist())]

    assert find(drawn, ids).about.items == 0


@pytest.mark.parametrize("known", ["ids", "a field"])
def test_names_that_join_the_items_of_one_class_are_no_products(known: str) -> None:
    """One class of six has a name of two parts, and nothing else in the catalogue is joined by two."""
    many = draw(240, 1, 0.0)
    kept = np.flatnonzero((many.label != 5) | (many.thing < 6 * 14))
    drawn = Drawn(many.thing[kept], many.label[kept], many.fixed[kept])
    kinds = ("boot", "hat", "mug", "bag", "lamp", "t-shirt")
    named = [f"{kinds[label]}-{place:03}" for place, label in enumerate(drawn.label.tolist())]
    columns: dict[str, Column] = {"color": ClassColumn(np.arange(len(drawn), dtype=np.int32) % 5, tuple("vwxyz"))}
    if known == "a field":
        range_ = np.where(drawn.label == 5, 0, 1 + np.arange(len(drawn)))
        columns["range"] = ClassColumn(range_.astype(np.int32), tuple(f"r{one:03}" for one in range(len(drawn) + 1)))

    ids = named if known == "ids" else opaque(len(drawn))
    found = find(drawn, ids, columns, attributes=("kind", "color"))

    assert not set(rules(found)) & {"ids", "field"}


def test_products_are_found_beside_a_class_whose_name_looks_like_one() -> None:
    drawn = draw(200, 3, 0.6)
    shirt = np.isin(drawn.thing, np.unique(drawn.thing[drawn.label == 5])[:18])
    label = np.where(shirt, 5, drawn.label % 5)
    drawn = Drawn(drawn.thing, label, drawn.fixed)
    ids = [
        f"t-shirt-{thing:03}-{place % 3}" if of else f"p{thing:03}-{place % 3}"
        for place, (thing, of) in enumerate(zip(drawn.thing.tolist(), shirt.tolist(), strict=True))
    ]
    color = ClassColumn(np.arange(len(drawn), dtype=np.int32) % 5, tuple("vwxyz"))

    found = find(drawn, ids, {"color": color}, attributes=("kind", "color"))

    assert purity(found.group, drawn.thing) == (1.0, 1.0)


def test_classes_whose_items_look_alike_are_no_shots() -> None:
    """The attribute names the thing itself: held out together, no thing could ever be told."""
    drawn = draw(200, 6, 0.3)
    ids = opaque(len(drawn))

    assert "looks" in rules(find(drawn, ids))
    assert set(rules(find(drawn, ids, {"thing": keyed(drawn)}, attributes=("kind", "thing")))) <= {"pictures"}


def test_stems_that_say_nothing_of_looks_are_left_alone() -> None:
    drawn = draw(1200, 1, 0.0)
    random = np.random.default_rng(0)
    ids = [f"batch{random.integers(300)}-{place}" for place in range(len(drawn))]

    assert find(drawn, ids).about.items == 0


def test_consecutive_numbers_are_a_burst_where_they_look_alike() -> None:
    drawn = draw(300, 5, 0.45)
    ids = [f"IMG_{place:05}" for place in range(len(drawn))]

    found = find(drawn, ids)

    assert "numbers" in rules(found)
    pure, whole = purity(found.group, drawn.thing)
    assert pure > 0.8
    assert whole > 0.9


def test_numbers_in_the_order_of_classes_are_no_bursts() -> None:
    drawn = draw(1200, 1, 0.0)
    order = np.argsort(drawn.label, kind="stable")
    sorted_ = Drawn(drawn.thing[order], drawn.label[order], drawn.fixed[order])

    assert find(sorted_, [f"{place:05}" for place in range(len(sorted_))]).about.items == 0


def test_a_field_that_few_items_share_is_a_key() -> None:
    drawn = draw(300, 4, 0.75)
    names = opaque(len(drawn))
    random = np.random.default_rng(0)
    noise = {
        "price": NumberColumn(random.integers(1, 400, len(drawn)).astype(float)),
        "supplier": ClassColumn(random.integers(0, 300, len(drawn)), tuple(f"s{one:03}" for one in range(300))),
    }

    found = find(drawn, names, {**noise, "sku": keyed(drawn)})
    numbered = find(drawn, names, {**noise, "parent": NumberColumn(1000.0 + drawn.thing)})

    assert next((one.rule, one.how) for one in found.about.rules) == ("field", "sku")
    assert next((one.rule, one.how) for one in numbered.about.rules) == ("field", "parent")
    assert purity(found.group, drawn.thing)[1] == purity(numbered.group, drawn.thing)[1] == 1.0
    assert "field" not in rules(find(drawn, names, noise))


def test_split_by_is_respected_and_copies_of_pictures_join_its_groups() -> None:
    drawn = draw(200, 4, 0.75)
    fixed = drawn.fixed.copy()
    fixed[400] = fixed[0]
    values = [f"p{thing}" for thing in drawn.thing]

    found = find(Drawn(drawn.thing, drawn.label, fixed), opaque(len(drawn)), {"sku": keyed(drawn)}, "sku", values)

    expected = drawn.thing.copy()
    expected[expected == expected[400]] = expected[0]
    assert purity(found.group, expected) == (1.0, 1.0)
    assert rules(found) == ["split_by", "pictures"]
    assert (found.about.groups, found.about.items, found.about.largest) == (199, 800, 8)


def test_a_placeholder_that_many_items_show_does_not_swallow_them() -> None:
    drawn = draw(1500, 1, 0.0)
    fixed = drawn.fixed.copy()
    fixed[:600] = fixed[0]

    found = find(Drawn(drawn.thing, drawn.label, fixed), opaque(len(drawn)))

    assert 2 <= found.about.largest <= 0.02 * len(drawn)


def test_a_group_is_held_out_by_its_first_item_whatever_comes_later() -> None:
    drawn = draw(300, 4, 0.75)
    ids = [f"t{thing:04}-{place % 4}" for place, thing in enumerate(drawn.thing.tolist())]
    fewer = np.flatnonzero(drawn.thing < 250)

    whole = find(drawn, ids)
    part = find(Drawn(*(of[fewer] for of in (drawn.thing, drawn.label, drawn.fixed))), [ids[one] for one in fewer])

    assert (whole.part[fewer] == part.part).all()
    assert (whole.part == thirtieths([ids[4 * thing] for thing in drawn.thing.tolist()])).all()
    assert (find(drawn, ids).group == whole.group).all()


def test_few_items_stand_for_themselves() -> None:
    drawn = draw(15, 4, 0.35)

    assert find(drawn, opaque(len(drawn))).about.items == 0


def test_items_without_the_name_of_a_file_share_no_stem() -> None:
    drawn = draw(300, 4, 0.75)
    names = [f"shelf{thing}-{place % 4:03}.jpg" for place, thing in enumerate(drawn.thing.tolist())]
    half = [name if place % 8 < 4 else "" for place, name in enumerate(names)]

    some, none = (find(drawn, opaque(len(drawn)), file_names=given) for given in (half, [""] * len(drawn)))

    assert "file names" in rules(some)
    sizes = np.bincount(some.group)
    assert sizes.max() <= 4
    assert "file names" not in rules(none)
