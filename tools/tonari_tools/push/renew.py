"""Pushing a folder again and again into a bucket of this machine, so that nothing of an earlier reading stays there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tonari.catalogue.documents import SCHEMA, document_key, image_key
from tonari.errors import StoreError
from tonari.storage.bucket import Bucket
from tonari_tools.push.local_catalogue import LocalCatalogue
from tonari_tools.push.upload import Pushed, list_keys, push

ANY = ""
"""Instead of an ETag: a push began, and nobody knows whether it came to this object."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was pushed; how many objects of an earlier push were deleted, and left as somebody else wrote them."""

    pushed: Pushed
    deleted: int
    kept: int

    @property
    def changed(self) -> bool:
        """Whether the bucket is another than before."""
        return self.pushed.uploaded > 0 or self.deleted > 0


class Memory:
    """What was pushed into a bucket: for each source the ETag of each key, in a file beside the bucket.

    A file that cannot be read counts as empty: then nothing is deleted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sources = self._read()

    def of(self, source: str) -> Mapping[str, str]:
        """Give the keys that a source gave, with their ETags."""
        return self._sources.get(source, {})

    def is_of_another(self, source: str, key: str) -> bool:
        """Tell whether another source gave a key too."""
        return any(key in etags for other, etags in self._sources.items() if other != source)

    def write(self, source: str, etags: Mapping[str, str]) -> None:
        """Remember what a source gives.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        self._sources = {**self._read(), source: dict(etags)}
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_text(json.dumps(self._sources), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}.") from error

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(source): dict(etags) for source, etags in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def renew(
    catalogue: LocalCatalogue, bucket: Bucket, memory: Memory, source: str, progress: Callable[[int, int], None]
) -> Renewed:
    """Push a folder, and delete what an earlier push of it left that it does not give any more.

    What others wrote stays: keys that no push of this source gave, and objects that were changed after they were
    pushed, unless the folder has other bytes for them now.

    Parameters
    ----------
    source
        Names the folder; pushes of other folders have a memory of their own.

    Raises
    ------
    StoreError
    """
    before, given = memory.of(source), _keys(catalogue)
    memory.write(source, {**before, **dict.fromkeys(given, ANY)})
    pushed = push(catalogue, bucket, progress, before)
    there = {key: found.etag for key, found in list_keys(bucket).items()}
    stale = {
        key
        for key, etag in before.items()
        if key not in given and there.get(key) and etag in (ANY, there[key]) and not memory.is_of_another(source, key)
    }
    bucket.delete(*stale)
    kept = set(pushed.kept)
    pushed = replace(pushed, vanished=tuple(key for key in pushed.vanished if key not in stale))
    memory.write(source, {key: before[key] if key in kept else there.get(key, ANY) for key in given})
    return Renewed(pushed, len(stale), len(kept))


def _keys(catalogue: LocalCatalogue) -> set[str]:
    """Give all keys that a push of this catalogue writes."""
    keys = {image_key(item.id, name) for item in catalogue.items for name in item.views}
    keys |= {document_key(item.id) for item in catalogue.items if item.fields is not None}
    return keys if catalogue.schema is None else keys | {SCHEMA}
