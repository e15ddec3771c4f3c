"""``python -m hostile.measured MODEL ENCODER_JSON``: pictures encoded one by one, each in a process of its own.

Reads the path of a picture per line; writes a line of JSON for each, a :class:`Cost`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image

from tonari.encoders.image import EncoderConfig, ImageEncoder
from tonari.errors import RequestError

ALLOCATOR: Final = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""As template.yaml has it."""
DIED: Final = "died"


@dataclass(frozen=True)
class Cost:
    """What became of a picture.

    Parameters
    ----------
    outcome
        ``encoded``; ``refused`` with the reason; ``died``; or ``unexpected`` with the exception.
    seconds
        Of processor time, user and system: the wall clock of a busy machine tells nothing.
    megabytes
        By which the process grew at its peak, the file included, over one that encodes a tiny picture.
    """

    outcome: str
    seconds: float
    megabytes: float


def measure(paths: Iterable[Path], model: Path, config: Path) -> Iterator[Cost]:
    """Encode pictures in a process that only measures."""
    command = [sys.executable, "-m", "hostile.measured", model, config]
    environment = {**os.environ, **ALLOCATOR, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdin
        assert process.stdout
        for path in paths:
            print(path, file=process.stdin, flush=True)
            yield msgspec.json.decode(process.stdout.readline(), type=Cost)
        process.stdin.close()


def _encode(encoder: ImageEncoder, path: Path) -> str:
    try:
        encoder.encode(path.read_bytes())
    except RequestError as refused:
        return f"refused: {type(refused).__name__} {refused.detail}"
    except BaseException as error:  # noqa: BLE001 - it is what is looked for
        return f"unexpected: {type(error).__name__} {error}"
    return "encoded"


def _apart(encoder: ImageEncoder, path: Path) -> Cost:
    """Fork: the child starts from a warm encoder, and its peak is its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, _encode(encoder, path).encode()[:2000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        outcome = pipe.read().decode(errors="replace")
    _, status, used = os.wait4(child, 0)
    outcome = outcome if status == 0 else f"{DIED}: status {status}"
    return Cost(outcome, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    model, config = map(Path, sys.argv[1:])
    encoder = ImageEncoder(EncoderConfig.parse(config.read_bytes()), model)
    tiny = config.with_name("tiny")
    for kind in ("JPEG", "PNG", "GIF", "WEBP"):
        buffer = BytesIO()
        Image.new("RGB", (300, 300), "red").save(buffer, kind)
        tiny.write_bytes(buffer.getvalue())
        encoder.encode(tiny.read_bytes())
    idle = _apart(encoder, tiny)
    for line in sys.stdin:
        cost = _apart(encoder, Path(line.rstrip("\n")))
        over = Cost(cost.outcome, round(cost.seconds - idle.seconds, 3), round(cost.megabytes - idle.megabytes, 1))
        sys.stdout.buffer.write(msgspec.json.encode(over) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
