"""Files of an index: packed, in the cache, and in folders of processes."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tonari.errors import CorruptArtefactError
from tonari.storage.packing import pack_file
from tonari.words.files import OwnFolder, pack_index, unpack_index
from tonari.words.searched import FoundBy
from tonari.words.word_index import WordIndex, build, look


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    (tmp_path / "index").mkdir()
    build(tmp_path / "index", [FoundBy(str(number), ["red", f"w{number}"]) for number in range(50)])
    pack_index(tmp_path / "index", tmp_path / "words.pack")
    return tmp_path / "words.pack"


def opened(packed: Path, cache: Path) -> tuple[WordIndex, OwnFolder]:
    own = OwnFolder(cache / "words")
    own.link(unpack_index(packed, "words.pack", cache))
    return WordIndex(own.path), own


def found(index: WordIndex) -> list[int]:
    return [int(number) for number in index.search(look("w7"), 3, np.ones(50, np.bool_), None, str).numbers]


def test_an_index_is_packed_and_opened_from_the_cache(packed: Path, tmp_path: Path) -> None:
    index, own = opened(packed, tmp_path / "cache")

    assert found(index) == [7]
    cached = [path for path in (tmp_path / "cache").iterdir() if path.is_file() and path.suffix != ".lock"]
    linked = [path for path in own.path.iterdir() if path.suffix != ".lock"]
    assert {path.stat().st_ino for path in linked} >= {path.stat().st_ino for path in cached}


def test_a_file_of_the_cache_that_was_written_into_is_noticed_and_mended(packed: Path, tmp_path: Path) -> None:
    _, own = opened(packed, tmp_path / "cache")
    assert not own.damaged()
    victim = next(path for path in own.path.iterdir() if path.suffix == ".idx")
    with victim.open("r+b") as file:
        file.write(b"\xff" * 20)

    assert own.damaged()
    index, again = opened(packed, tmp_path / "cache")
    assert found(index) == [7]
    assert not again.damaged()


def test_what_a_dead_process_wrote_by_half_is_never_opened(packed: Path, tmp_path: Path) -> None:
    files = unpack_index(packed, "words.pack", tmp_path / "cache")
    for file in files.values():
        file.path.write_bytes(file.path.read_bytes()[:10])

    assert found(opened(packed, tmp_path / "cache")[0]) == [7]


def test_a_folder_goes_with_its_owner(packed: Path, tmp_path: Path) -> None:
    index, own = opened(packed, tmp_path / "cache")
    path = own.path
    del own
    gc.collect()

    assert not path.exists()
    assert found(index) == [7]


OWNER = """
import sys, time
from pathlib import Path
from tonari.words.files import OwnFolder
own = OwnFolder(Path(sys.argv[1]))
print(own.path, flush=True)
if sys.argv[2] == "stay":
    time.sleep(60)
"""


def test_folders_of_dead_processes_are_deleted_by_the_next_one(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OWNER, str(tmp_path), "end"], check=True, capture_output=True, text=True
    )
    assert not Path(ended.stdout.strip()).exists()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), "stay"], stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout
        left = Path(one.stdout.readline().strip())
        mine = OwnFolder(tmp_path)
        assert left.exists()
        os.kill(one.pid, signal.SIGKILL)
    assert left.exists()

    other = OwnFolder(tmp_path)

    assert not left.exists()
    assert mine.path.exists()
    assert other.path.exists()


def test_many_open_at_once(packed: Path, tmp_path: Path) -> None:
    answers: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(found(opened(packed, tmp_path / "cache")[0]))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [[7]] * 8


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    arrays = {"a.idx": np.arange(9, dtype=np.uint8)}
    for about in (
        {"format": 1, "files": {"a.idx": "0" * 64}},
        {"format": 1, "files": {}},
        {"format": 9, "files": {"a.idx": "0" * 64}},
        {"files": 1},
    ):
        pack_file(tmp_path / "words.pack", about, arrays)
        with pytest.raises(CorruptArtefactError):
            unpack_index(tmp_path / "words.pack", "words.pack", tmp_path / "cache")
    pack_file(tmp_path / "words.pack", {"format": 1, "files": {"../a": "0" * 64}}, {"../a": arrays["a.idx"]})
    with pytest.raises(CorruptArtefactError):
        unpack_index(tmp_path / "words.pack", "words.pack", tmp_path / "cache")
