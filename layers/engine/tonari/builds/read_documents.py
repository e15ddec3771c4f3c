"""Documents that a run of a rebuild read before its time was over: they wait in the bucket for the next run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from tonari.contract.artefacts import DocumentsHeader
from tonari.errors import CorruptArtefactError, MissingObjectError
from tonari.snapshots.indexed import text, texts
from tonari.storage.bucket import Bucket
from tonari.storage.packing import pack, read_named, write_named

DOCUMENTS = "work/documents/"
FORMAT = 1


def write_documents(artefacts: Bucket, documents: Mapping[tuple[str, str], bytes]) -> str:
    """Write documents, by id and ETag; gives the key."""
    arrays = {
        "ids": texts([item for item, _ in documents]),
        "etags": texts([etag for _, etag in documents]),
        "documents": np.frombuffer(b"".join(documents.values()), np.uint8),
        "offsets": np.cumsum([0, *map(len, documents.values())], dtype=np.int64),
    }
    return write_named(artefacts, DOCUMENTS, pack(DocumentsHeader(FORMAT), arrays))


def list_documents(artefacts: Bucket) -> list[str]:
    """List the keys of all such files: delete them once a snapshot holds what they hold."""
    return [found.key for found in artefacts.list(DOCUMENTS)]


def read_documents(
    artefacts: Bucket, keys: Iterable[str], report: Callable[[str, int, int], None]
) -> dict[tuple[str, str], bytes]:
    """Read documents, by id and ETag; a file that is damaged is reported and done without."""
    documents: dict[tuple[str, str], bytes] = {}
    for key in keys:
        try:
            documents.update(_read(artefacts, key))
        except (CorruptArtefactError, MissingObjectError) as error:
            report(f"documents are read again: {error.detail}", 0, 0)
    return documents


def _read(artefacts: Bucket, key: str) -> Iterator[tuple[tuple[str, str], bytes]]:
    packed = read_named(artefacts, key)
    if packed.about(DocumentsHeader).format != FORMAT:
        raise CorruptArtefactError(f"{key} was written by another version.")
    ids = packed.array("ids", np.bytes_, (None,))
    etags = packed.array("etags", np.bytes_, (len(ids),))
    starts = packed.array("offsets", np.int64, (len(ids) + 1,)).tolist()
    whole = packed.array("documents", np.uint8, (None,)).tobytes()
    for item, etag, start, end in zip(ids, etags, starts[:-1], starts[1:], strict=True):
        yield (text(item), text(etag)), whole[start:end]
