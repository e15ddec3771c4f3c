"""How texts become tokens and tokens a vector: said by the user, by a file, by the graph, or guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tonari.errors import InvalidEncoderError
from tonari_tools.models.published.settings import Guess
from tonari_tools.models.texts.text_ends import TextInputs, TextOutput
from tonari_tools.models.texts.text_files import (
    CONFIG,
    POOLING_FOLDER,
    PROMPTS,
    SENTENCE_BERT,
    TOKENIZER_CONFIG,
    TextFiles,
)
from tonari_tools.models.texts.text_overrides import Pooling, TextOverrides

MODES: Mapping[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "first",
    "pooling_mode_lasttoken": "last",
}
NAMED: Mapping[str, Pooling] = {"mean": "mean", "cls": "first", "lasttoken": "last"}
"""What sentence-transformers calls them: members of their own, or one called ``pooling_mode``."""
POOLING_FILE = f"{POOLING_FOLDER}/config.json"
QUERY, PASSAGE = ("query", "search_query"), ("passage", "document", "corpus", "search_document")
"""Names of prompts."""
MOST_TOKENS = 8192
USUAL_TOKENS = 512
WITH_OFFSET = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
"""Kinds of which the first two positions mean something else."""
POSITIONS: Mapping[str, int] = {"clip_text_model": 77, "clip": 77, "siglip_text_model": 64, "siglip": 64, "siglip2": 64}
"""Positions of kinds whose ``config.json`` leaves out what is usual for them."""
PADDED = frozenset({"siglip", "siglip2", "siglip_text_model", "siglip2_text_model"})
"""Kinds that were trained on rows of one length, and read the filling too."""
LOWERED = frozenset({"siglip2", "siglip2_text_model"})
"""Kinds that were trained on lower case, which the published tokenizer leaves to who calls it."""


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How a text is encoded; ``found`` says by what each was decided, ``guesses`` what nothing says."""

    pooling: Pooling
    max_tokens: int
    pad_to: int | None
    query_prefix: str
    passage_prefix: str
    lower: bool
    found: Mapping[str, str]
    guesses: tuple[Guess, ...]


def choose_text_settings(
    files: TextFiles, said: TextOverrides, inputs: TextInputs, output: TextOutput, *, joint: bool
) -> TextSettings:
    """Put together how texts are encoded.

    Raises
    ------
    InvalidEncoderError
        If a file asks for what cannot be done, or contradicts the graph.
    """
    pooling, why_pooling, guesses = _pooling(files, said, output)
    _check_modules(files, output)
    most, why_most, guessed = _max_tokens(files, said, inputs, joint=joint)
    pad_to, why_pad = _pad_to(files, inputs, most, joint=joint)
    query, passage, why_prefixes = _prefixes(files, said)
    lower, why_lower = _lower(files)
    found = {
        "pooling": why_pooling,
        "tokens": "; ".join(filter(None, (why_most, why_pad))),
        "prefixes": why_prefixes,
        "lower": why_lower,
    }
    return TextSettings(pooling, most, pad_to, query, passage, lower, found, (*guesses, *guessed))


def model_type(files: TextFiles) -> str:
    """Give the kind of model that ``config.json`` of transformers names, empty if it names none."""
    return str(files.say(CONFIG, "model_type") or "")


def _pooling(files: TextFiles, said: TextOverrides, output: TextOutput) -> tuple[Pooling, str, tuple[Guess, ...]]:
    if not output.per_token:
        if said.pooling not in {None, "none"}:
            raise InvalidEncoderError(
                f"The output {output.name} is one vector a text already: --pooling {said.pooling} has no place; leave "
                "it out, or name an output with a vector a token by --text-output."
            )
        return "none", "the graph pools", ()
    if said.pooling == "none":
        raise InvalidEncoderError(
            f"The output {output.name} has a vector for each token: say --pooling mean, first or last."
        )
    if said.pooling:
        return said.pooling, "--pooling", ()
    raw = files.settings.get(POOLING_FILE)
    if raw is None:
        return "mean", "guessed", (Guess("the mean of the tokens' vectors", "--pooling"),)
    modes = [name for name, value in raw.items() if name.startswith("pooling_mode_") and value is True]
    named = raw.get("pooling_mode")
    found = [MODES.get(mode) for mode in modes] + ([NAMED.get(str(named))] if named else [])
    if len(found) != 1 or found[0] is None:
        asked = ", ".join([*modes, *([str(named)] if named else [])]) or "nothing"
        raise InvalidEncoderError(
            f"{POOLING_FILE} asks for {asked}: of {', '.join(MODES)} one can be done; say --pooling, or pool in the "
            "graph."
        )
    return found[0], POOLING_FILE, ()


def _check_modules(files: TextFiles, output: TextOutput) -> None:
    """Refuse layers of sentence-transformers that stand behind the pooling and that no graph of tokens has."""
    known = {"Transformer", "Pooling", "Normalize"}
    if output.per_token and (others := [kind for kind in files.modules if kind not in known]):
        raise InvalidEncoderError(
            f"modules.json puts {', '.join(others)} behind the transformer, which this graph ends at: export the whole "
            "of it, so that the output is sentence_embedding."
        )


def _max_tokens(
    files: TextFiles, said: TextOverrides, inputs: TextInputs, *, joint: bool
) -> tuple[int, str, tuple[Guess, ...]]:
    limit = inputs.length
    if said.max_tokens:
        if limit and said.max_tokens > limit:
            raise InvalidEncoderError(f"--max-tokens says {said.max_tokens}, the graph takes {limit}: say fewer.")
        return said.max_tokens, "--max-tokens", ()
    positions, why = _positions(files)
    sources: list[tuple[Any, str]] = [
        (files.say(SENTENCE_BERT, "max_seq_length"), f"max_seq_length in {SENTENCE_BERT}"),
        (limit, "the graph's length"),
        *([(positions, why)] if joint else []),
        (files.say(TOKENIZER_CONFIG, "model_max_length"), f"model_max_length in {TOKENIZER_CONFIG}"),
        (positions, why),
    ]
    for value, source in sources:
        if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= MOST_TOKENS:
            most = min(int(value), limit or MOST_TOKENS, positions or MOST_TOKENS)
            return most, source if most == value else f"{source}, but no more than the graph takes", ()
    return USUAL_TOKENS, "guessed", (Guess(f"{USUAL_TOKENS} tokens at most", "--max-tokens"),)


def _positions(files: TextFiles) -> tuple[int | None, str]:
    inner, kind = files.say(CONFIG, "text_config"), model_type(files)
    for raw, name in ((inner, f"text_config in {CONFIG}"), (files.settings.get(CONFIG, {}), CONFIG)):
        value = raw.get("max_position_embeddings") if isinstance(raw, Mapping) else None
        if isinstance(value, int) and value > 0:
            taken = value - 2 if kind in WITH_OFFSET else value
            return taken, f"max_position_embeddings of {name}"
    return POSITIONS.get(kind), f"usual for {kind}"


def _pad_to(files: TextFiles, inputs: TextInputs, most: int, *, joint: bool) -> tuple[int | None, str]:
    if inputs.length:
        return inputs.length, "filled up, for the graph takes one length"
    kind = model_type(files)
    if kind in PADDED:
        return most, f"filled up, as {kind} was trained"
    if joint and inputs.mask is None:
        return most, "filled up, for the graph takes no mask"
    return None, ""


def _prefixes(files: TextFiles, said: TextOverrides) -> tuple[str, str, str]:
    raw = files.say(PROMPTS, "prompts")
    prompts = {str(name): text for name, text in raw.items() if isinstance(text, str)} if isinstance(raw, dict) else {}
    usual = files.say(PROMPTS, "default_prompt_name")
    fallback = prompts.get(usual, "") if isinstance(usual, str) else ""

    def prompt(names: tuple[str, ...]) -> str:
        return next((prompts[name] for name in names if name in prompts), fallback)

    query = prompt(QUERY) if said.query_prefix is None else said.query_prefix
    passage = prompt(PASSAGE) if said.passage_prefix is None else said.passage_prefix
    by_option = [flag for flag in said.flags() if flag.endswith("-prefix")]
    sources = [*by_option, *([f"prompts in {PROMPTS}"] if len(by_option) < 2 and any((query, passage)) else [])]
    return query, passage, ", ".join(sources) or "no file names any"


def _lower(files: TextFiles) -> tuple[bool, str]:
    readers: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: files.say(SENTENCE_BERT, "do_lower_case") is True, f"do_lower_case in {SENTENCE_BERT}"),
        (lambda: model_type(files) in LOWERED, f"as {model_type(files)} was trained"),
    )
    return next(((True, why) for holds, why in readers if holds()), (False, "left to the tokenizer"))
