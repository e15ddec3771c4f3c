"""Articles drawn from events: places, people and numbers fill the gaps, and each part is told in one of its ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from tonari_newsroom.material import Event, Material, Names, Translation, read_material

DRAWN = 22
"""Articles of each event."""
COPIED = 20
"""Of so many articles one is published again, as agencies' texts are."""
REVIEWS = 6
FIRST_DAY, DAYS = date(2025, 1, 1), 365
AGENCY = "Agency"


@dataclass(frozen=True, slots=True)
class Article:
    """One article: the fields of its document, ``text`` with a line between paragraphs, ``date`` as ISO 8601 has it."""

    id: str
    title: str
    text: str
    topic: str
    tags: tuple[str, ...]
    section: str
    date: str
    author: str


def newsroom(seed: int = 0) -> Iterator[Article]:
    """Draw all articles, numbered in an order by lot; the same seed gives the same ones."""
    random, material = Random(seed), read_material()
    names, topics = material.names, sorted({event.topic for event in material.events})
    told = [_tell(random, event, names) for event in material.events for _ in range(DRAWN)]
    told += [_copy(random, one, names) for one in told[::COPIED]]
    told += [_review(random, topics[number % len(topics)], material) for number in range(REVIEWS)]
    told += [_translate(random, one, material) for one in material.translations]
    random.shuffle(told)
    for number, one in enumerate(told, 1):
        yield replace(one, id=f"{one.topic}-{number:03}")


def _tell(random: Random, event: Event, names: Names) -> Article:
    gaps = _gaps(random, names)
    lead = random.choice(event.leads).format_map(gaps)
    details = " ".join(random.choice(ways).format_map(gaps) for ways in event.details)
    last = " ".join(random.choice(parts).format_map(gaps) for parts in (event.quotes, event.closings))
    title = random.choice(event.titles).format_map(gaps)
    return _article(random, event, names, title, f"{lead}\n\n{details}\n\n{last}")


def _review(random: Random, topic: str, material: Material) -> Article:
    """Tell everything of a topic in one long article, twice over."""
    events = [event for event in material.events if event.topic == topic] * 2
    text = "\n\n".join(_tell(random, event, material.names).text for event in events)
    title = f"The year in {topic}: what happened and what remains"
    return replace(_article(random, events[0], material.names, title, text), tags=("review",))


def _copy(random: Random, one: Article, names: Names) -> Article:
    """Publish an article again a day later: another title, another last sentence."""
    text = f"{one.text.rsplit('. ', 1)[0]}. {random.choice(names.agencies)}"
    later = date.fromisoformat(one.date) + timedelta(days=1)
    return replace(one, title=f"{one.title}: what we know", text=text, date=later.isoformat(), author=AGENCY)


def _translate(random: Random, one: Translation, material: Material) -> Article:
    event = next(event for event in material.events if event.topic == one.topic)
    return replace(_article(random, event, material.names, one.title, one.text), tags=("translation",))


def _article(random: Random, event: Event, names: Names, title: str, text: str) -> Article:
    day = FIRST_DAY + timedelta(days=random.randrange(DAYS))
    author = f"{random.choice(names.given)} {random.choice(names.family)}"
    return Article("", title, text, event.topic, event.tags, event.section, day.isoformat(), author)


def _gaps(random: Random, names: Names) -> Mapping[str, str]:
    """Choose what stands in the gaps of one article."""
    town, place = random.sample(names.towns, 2)
    person, other = (f"{random.choice(names.given)} {family}" for family in random.sample(names.family, 2))
    return {
        "town": town,
        "place": place,
        "person": person,
        "other": other,
        "company": random.choice(names.companies),
        "small": str(random.randint(3, 12)),
        "percent": str(random.randint(4, 40)),
        "number": f"{random.randint(2, 90) * 100:,}",
        "speed": str(random.randint(90, 160)),
        "day": random.choice(names.weekdays),
        "month": random.choice(names.months),
    }
