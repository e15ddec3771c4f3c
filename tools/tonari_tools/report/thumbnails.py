"""Pictures of the catalogue, small enough to lie in the report itself."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from tonari.builds.encode import in_parallel
from tonari.errors import MissingObjectError, RequestError
from tonari.images.decode import prepare
from tonari.images.framing import SIDEWAYS, Framing
from tonari.images.guards import admit
from tonari.storage.bucket import Bucket

SIDE = 96
MOST = 300
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture as a data URI with its width and height in pixels; an empty one says why there is none.

    ``text`` is shown instead of a picture where a view is a passage.
    """

    uri: str = ""
    width: int = SIDE
    height: int = SIDE
    wrong: str = ""
    text: str = ""


NO_PICTURE = Thumbnail(wrong="no picture")
NOT_SHOWN = Thumbnail(wrong=f"not shown: over {MOST} pictures")
GONE = Thumbnail(wrong="gone from the catalogue")
UNREADABLE = Thumbnail(wrong="cannot be decoded")


def shrink(data: bytes) -> Thumbnail:
    """Make a thumbnail of a picture, its aspect kept, by the same guarded decoding that encoders are fed by.

    Raises
    ------
    RequestError
        If it is no picture that is accepted.
    """
    header = admit(data)
    size = (header.height, header.width) if header.orientation in SIDEWAYS else (header.width, header.height)
    scale = min(1.0, SIDE / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    pixels = prepare(data, Framing(height, width, squashed=(height, width)))
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return Thumbnail(f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}", width, height)


def read_thumbnails(
    catalogue: Bucket, keys: Iterable[str], progress: Callable[[int, int], None]
) -> dict[str, Thumbnail]:
    """Read the pictures under these keys, the first 300 of them, in parallel.

    Raises
    ------
    StoreError
        If S3 does not answer; a picture that is gone or cannot be decoded is no error.
    """
    wanted = list(dict.fromkeys(keys))[:MOST]
    made = {}
    for key, thumbnail in zip(wanted, in_parallel(lambda key: _read(catalogue, key), wanted), strict=True):
        made[key] = thumbnail
        progress(len(made), len(wanted))
    return made


def _read(catalogue: Bucket, key: str) -> Thumbnail:
    try:
        return shrink(catalogue.get(key).data)
    except MissingObjectError:
        return GONE
    except RequestError:
        return UNREADABLE
