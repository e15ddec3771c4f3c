"""What was found of an encoder of texts, or of pictures and texts, for people."""

from __future__ import annotations

from collections.abc import Mapping

from tonari.contract.encoder import PartedEncoder, TextPart
from tonari.encoders.image import EncoderConfig
from tonari.errors import InvalidEncoderError
from tonari_tools.models.check import megabytes, say_framing, say_input, say_values
from tonari_tools.models.texts.examine_texts import ExaminedWords
from tonari_tools.models.texts.text_trial import TEXTS, TextTrial
from tonari_tools.tables import align

POOLED = {
    "none": "by the graph",
    "mean": "the mean of the tokens",
    "first": "the first token",
    "last": "the last token",
}


def report_words(examined: ExaminedWords) -> str:
    """Say what was found, why, and how it did."""
    about, trial, found = examined.bundle.about, examined.trial, examined.found
    if not isinstance(about, PartedEncoder) or about.text is None:
        raise InvalidEncoderError("The encoder takes no texts.")
    part = about.text
    rows = [
        ["model", f"{', '.join(str(path) for path in examined.paths.values())}; {megabytes(examined.size)}"],
        ["name", about.name],
        ["takes", "pictures and texts, in one space" if about.image else "texts"],
        *map(list, say_text(part, found)),
        ["output", f"{part.output.name}: {about.dimensions} dimensions ({found['output']})"],
        ["vocabulary", examined.vocabulary.telling],
        *(_say_pictures(about) if about.image else []),
        *_say_trial(trial),
        ["encoder", examined.id],
    ]
    return align(rows)


def say_text(part: TextPart, found: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Say how texts are encoded, and why so where ``found`` says it."""
    why = {name: f" ({reason})" for name, reason in (found or {}).items()}
    inputs = (part.inputs.ids, part.inputs.mask, part.inputs.types)
    filled = f", filled up to {part.pad_to}" if part.pad_to else ""
    prefixes = f"query {part.prefixes.query!r}, passage {part.prefixes.passage!r}"
    return [
        ("tokens", f"{', '.join(filter(None, inputs))}; {part.max_tokens} at most{filled}{why.get('tokens', '')}"),
        ("pooling", f"{POOLED[part.pooling]}{why.get('pooling', '')}"),
        ("prefixes", f"{prefixes}{why.get('prefixes', '')}"),
        ("case", f"{'turned to lower case' if part.lower else 'as it is written'}{why.get('lower', '')}"),
    ]


def _say_pictures(about: PartedEncoder) -> list[list[str]]:
    if about.image is None:
        return []
    config = EncoderConfig.of(about, about.image)
    return [
        ["pictures", f"{config.input_name}: {say_input(config)}; {config.output_name}"],
        ["framing", say_framing(config.framing)],
        ["values", say_values(config.form)],
    ]


def _say_trial(trial: TextTrial) -> list[list[str]]:
    query, *passages = TEXTS
    near = "; ".join(f"{trial.cosines[0, row]:.3f} {text!r}" for row, text in enumerate(passages, 1))
    known = ", ".join(f"{count} of {of} in {language}" for language, (count, of) in trial.unknown.items())
    speeds = ", ".join(f"{took:.1f} ms at {tokens} tokens" for tokens, took in trial.milliseconds.items())
    return [
        ["cosines", f"of {query!r} to: {near}"],
        ["long texts", "are cut, which is said" if trial.cut else "are not cut"],
        ["unknown", f"tokens of a sentence: {known}"],
        *([["words", _say_match(trial.pictures)]] if trial.pictures else []),
        *([["speed", f"a text, medians, one thread: {speeds}"]] if speeds else []),
    ]


def _say_match(matched: tuple[int, int]) -> str:
    return f"{matched[0]} of {matched[1]} drawn pictures lie nearest to their own words"
