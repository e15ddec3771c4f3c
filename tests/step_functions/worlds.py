"""A catalogue in memory, an encoder that costs nothing, and the rebuild function over both, whose runs go wrong."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NoReturn, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from simulation.store import Call, SimulatedStore
from step_functions.definition import definition
from step_functions.machine import Machine, StateError
from tonari.aws.rebuilding import Rebuilding
from tonari.builds.lease import give_back, take
from tonari.catalogue.documents import document_key, image_key
from tonari.config import ANY_FALL, Settings
from tonari.encoders.port import EncodedTexts, Encoder, Modality, Role
from tonari.errors import UnencodableImageError, UnsupportedQueryError
from tonari.images.framing import Region
from tonari.snapshots.head import change, read_head
from tonari.snapshots.snapshot import load_snapshot
from tonari.storage.s3 import S3Bucket

Made = TypeVar("Made")
ENCODER = "digest"
CATALOGUE, ARTEFACTS = "catalogue", "artefacts"
THROTTLED, DIED = "Lambda.TooManyRequestsException", "Runtime.ExitError"


class Died(BaseException):
    """The process is gone: not even ``finally`` reaches the store any more."""


class DigestEncoder:
    """Embeds a picture by the sha256 of its bytes."""

    name = "digest"
    modalities: frozenset[Modality] = frozenset({"image"})
    dimensions = 16

    def __init__(self, deadly: Callable[[bytes], bool] = lambda _: False) -> None:
        self.encoded = 0
        self._deadly = deadly

    def encode(self, data: bytes, region: Region | None = None) -> NDArray[np.float32]:  # noqa: ARG002
        if data.startswith(b"no picture"):
            raise UnencodableImageError("It is no picture.")
        if self._deadly(data):
            raise Died
        self.encoded += 1
        row = np.frombuffer(hashlib.sha256(data).digest(), np.int16).astype(np.float32)
        return np.asarray(row / np.linalg.norm(row), np.float32)

    def encode_texts(self, texts: Sequence[str], role: Role) -> EncodedTexts:  # noqa: ARG002
        raise UnsupportedQueryError("It encodes pictures alone.")


@dataclass
class Misfortune:
    """How often which runs go wrong, as shares.

    Parameters
    ----------
    throttled
        Not even begun.
    died
        At some request to the store, or with the answer on its way.
    twice
        Done two times over.
    late
        Done again, long after the machine went on.
    hurried
        With little time.
    robbed
        A rebuild that was thought dead finds that another has taken its lease.
    """

    throttled: float = 0.0
    died: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    hurried: float = 0.0
    robbed: float = 0.0


@dataclass
class World:
    """A store with a catalogue, and the rebuild function over it."""

    cache: Path
    shard: int = 10
    encoder: Encoder = field(default_factory=DigestEncoder)
    store: SimulatedStore = field(default_factory=SimulatedStore)
    random: Random = field(default_factory=Random)
    misfortune: Misfortune = field(default_factory=Misfortune)
    before_step: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        self.catalogue, self.artefacts = (self.store.bucket(name) for name in (CATALOGUE, ARTEFACTS))
        settings = Settings(CATALOGUE, ARTEFACTS, 10.0, self.cache, "", ANY_FALL, shard=self.shard)
        self.function = Rebuilding(settings, self.catalogue, self.artefacts, lambda _: self.encoder)
        change(self.artefacts, lambda head: msgspec.structs.replace(head, next_encoder=ENCODER))
        self._run = threading.local()
        self._late: list[Any] = []
        self._lock = threading.RLock()
        self.store.gate = self._gate

    def put(self, item: str, picture: bytes | None = None, **fields: Any) -> None:
        self.catalogue.put(image_key(item, "1.jpg"), picture or f"picture of {item}".encode())
        if fields:
            self.catalogue.put(document_key(item), json.dumps(fields).encode())

    def machine(self, at_once: int = 1) -> Machine:
        """Make the state machine of the template over it; children of its map run in an order that is drawn."""
        made = definition(RebuildFunction="rebuild", ArtefactBucket=ARTEFACTS)

        def shuffled(numbers: list[Any]) -> list[Any]:
            self.random.shuffle(numbers)
            return numbers

        return Machine(made, self.invoke, self._read, shuffled, at_once)

    def start(self, build: str = "build", at_once: int = 1) -> Any:
        return self.machine(at_once).run({"build": build, "accept": False})

    def invoke(self, payload: Any) -> Any:
        """Run the function as Lambda does, unless misfortune comes between."""
        self.before_step(payload["step"])
        drawn, odds = self.random.random, self.misfortune
        if drawn() < odds.throttled:
            raise StateError(THROTTLED, "Rate Exceeded.")
        if drawn() < odds.robbed:
            self._rob()
        if drawn() < odds.late:
            self._late.append(payload)
        if payload["step"] == "publish":
            again, self._late = self._late, []
            for one in again:
                self._invoke(one, None)
        if drawn() < odds.twice:
            self._invoke(payload, None)
        last = self.random.randrange(60) if drawn() < odds.died else None
        return self._invoke(payload, last)

    def _invoke(self, payload: Any, last_request: int | None) -> Any:
        """Run it; the process dies at its n-th request to the store."""
        self._run.left = last_request
        seconds = 25.0 if self.random.random() < self.misfortune.hurried else 900.0
        try:
            answer = self.function(json.loads(json.dumps(payload)), _Context(seconds))
        except Died:
            raise StateError(DIED, "RequestId: … Error: Runtime exited with error: signal: killed") from None
        except Exception as error:
            raise StateError(type(error).__name__, str(error)) from error
        finally:
            self._run.left = None
        if last_request is not None:
            raise StateError(DIED, "the answer was lost")
        return json.loads(json.dumps(answer))

    def _rob(self) -> None:
        self.store.clock += 100_000.0
        robber = take(self.artefacts, "robber")
        if robber and robber.head.lease:
            give_back(self.artefacts, robber.head.lease)

    def _gate(self, _: Call, do: Callable[[], Made]) -> Made:
        left = getattr(self._run, "left", None)
        if left is not None:
            if left <= 0:
                self._run.left = 0
                self._die()
            self._run.left = left - 1
        with self._lock:
            return do()

    def _die(self) -> NoReturn:
        raise Died

    def _read(self, bucket: str, key: str) -> bytes:
        return self.store.bucket(bucket).get(key).data

    def published(self) -> dict[str, Any]:
        """Give what the live snapshot says of each item; nothing if there is none."""
        head = read_head(self.artefacts).head
        return contents(self.artefacts, head.snapshot, self.cache) if head.snapshot else {}

    def alone(self, cache: Path) -> dict[str, Any]:
        """Give what one machine publishes of the same catalogue."""
        store = SimulatedStore()
        store.bucket(CATALOGUE)
        store.objects[CATALOGUE] = dict(self.store.objects[CATALOGUE])
        other = World(cache, encoder=DigestEncoder(), store=store)
        answer = other.function({}, _Context(900.0))
        assert answer["outcome"] == "published"
        return other.published()


@dataclass(frozen=True)
class _Context:
    """Lambda's."""

    seconds: float
    aws_request_id: str = "one"

    def get_remaining_time_in_millis(self) -> float:
        return self.seconds * 1000


def contents(artefacts: S3Bucket, snapshot: str, cache: Path) -> dict[str, Any]:
    """Give fields and views, embeddings among them, by item, and what was rejected."""
    found = load_snapshot(artefacts, snapshot, cache)
    items = (found.table.item(at) for at in range(len(found.table)))
    told = {
        one.id: (one.document_etag, one.fields, [(v.name, v.source, v.embedding.tobytes()) for v in one.views])
        for one in items
    }
    return {**told, "rejected": dict(found.rejected)}
