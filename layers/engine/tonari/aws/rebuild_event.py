"""The event of the rebuild function."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Step = Literal["plan", "encode", "publish", "give_up"]


class ShardOutcome(Struct, frozen=True, forbid_unknown_fields=True):
    """The key of a shard that could not be encoded, and the name of the error; nothing of one that could."""

    lost: str = ""
    error: str = ""


class RebuildEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rebuild, or one step of it, is started with.

    Parameters
    ----------
    accept
        Publish the snapshot however much worse it is than the live one.
    build
        Id of the rebuild that this run goes on with; if it is empty, a rebuild begins.
    step
        Which step of a rebuild by the state machine this is; empty for a whole rebuild.
    shard
        Key of the shard that is to be encoded.
    outcomes
        What became of the shards, of those that could not be encoded more than nothing.
    """

    accept: bool = False
    build: str = ""
    step: Step | None = None
    shard: str = ""
    outcomes: tuple[ShardOutcome, ...] = ()
