from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tonari.errors import CorruptArtefactError
from tonari.storage.packing import ALIGNMENT, map_file, pack, pack_file, unpack

DTYPES = ("?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<f2", "<f4", "<f8", "S1", "S7")
PLAIN = pack({"kind": "plain"}, {"rows": np.arange(6, dtype=np.int16).reshape(3, 2), "names": np.array([b"a", b"bc"])})

any_array = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
)


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str


@given(arrays=st.dictionaries(st.text(max_size=8), any_array, max_size=5), about=st.dictionaries(st.text(), st.text()))
def test_what_is_packed_comes_back(arrays: dict[str, NDArray[Any]], about: dict[str, str]) -> None:
    read = unpack(pack(about, arrays), "f")

    assert read.about(dict[str, str]) == about
    assert list(read.arrays) == list(arrays)
    for name, array in arrays.items():
        found = read.arrays[name]
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert not found.flags.writeable


def test_a_file_is_mapped_as_ordinary_aligned_arrays(tmp_path: Path) -> None:
    columns = np.arange(12, dtype=np.float32).reshape(3, 4).T
    pack_file(tmp_path / "f", {"kind": "file"}, {"odd": np.ones(3, np.int8), "columns": columns})

    read = map_file(tmp_path / "f", "f")

    found = read.arrays["columns"]
    assert (tmp_path / "f").read_bytes() == pack({"kind": "file"}, {"odd": np.ones(3, np.int8), "columns": columns})
    assert type(found) is np.ndarray
    assert found.ctypes.data % ALIGNMENT == 0
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, columns)


def test_a_shortened_file_is_refused(tmp_path: Path) -> None:
    for length in range(len(PLAIN)):
        (tmp_path / "f").write_bytes(PLAIN[:length])

        with pytest.raises(CorruptArtefactError):
            unpack(PLAIN[:length], "f")
        with pytest.raises(CorruptArtefactError):
            map_file(tmp_path / "f", "f")


def test_a_longer_file_is_refused() -> None:
    with pytest.raises(CorruptArtefactError, match="its header says"):
        unpack(PLAIN + b"\0", "f")


@settings(max_examples=500)
@given(at=st.integers(0, len(PLAIN) - 1), value=st.integers(0, 255))
def test_a_changed_byte_never_does_more_than_be_refused(at: int, value: int) -> None:
    changed = PLAIN[:at] + bytes([value]) + PLAIN[at + 1 :]
    try:
        read = unpack(changed, "f")
        read.about(About)
    except CorruptArtefactError:
        return
    assert sum(array.nbytes for array in read.arrays.values()) <= len(PLAIN)


@pytest.mark.parametrize(
    "entry",
    [
        b'{"name":"rows","dtype":"|O1","shape":[3,2]}',
        b'{"name":"rows","dtype":"<i2","shape":[-3,-2]}',
        b'{"name":"rows","dtype":"<i2","shape":[3,99]}',
        b'{"name":"rows","dtype":"<i2","shape":[0,%d]}' % 10**30,
        b'{"name":"rows","dtype":"<i2","shape":[3,2],"offset":0}',
        b'{"name":"rows","dtype":"<i2"}',
        b'{"name":"names","dtype":"<i2","shape":[3,2]}',
        b"[" * 100_000,
    ],
)
def test_a_header_that_lies_is_refused(entry: bytes) -> None:
    start, end = 16, 16 + int.from_bytes(PLAIN[8:16], "little")
    honest = b'{"name":"rows","dtype":"<i2","shape":[3,2]}'
    header = PLAIN[start:end].replace(honest, entry)
    assert header != PLAIN[start:end]

    with pytest.raises(CorruptArtefactError):
        unpack(PLAIN[:8] + len(header).to_bytes(8, "little") + header + bytes(200), "f")


def test_an_array_is_asked_for_by_name_type_and_shape() -> None:
    read = unpack(PLAIN, "f")

    assert read.array("rows", np.int16, (3, 2)).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read.array("names", np.bytes_, (None,)).tolist() == [b"a", b"bc"]
    for name, dtype, shape in [("rows", np.int32, (3, 2)), ("rows", np.int16, (2, 3)), ("rows", np.int16, (3,))]:
        with pytest.raises(CorruptArtefactError, match="it should be"):
            read.array(name, dtype, shape)
    with pytest.raises(CorruptArtefactError, match="no array 'row'"):
        read.array("row", np.int16, (3, 2))


def test_what_a_file_says_of_itself_has_a_form() -> None:
    assert unpack(PLAIN, "f").about(About) == About("plain")
    with pytest.raises(CorruptArtefactError, match=r"f is not of the documented form: .*`str`, got `int`"):
        unpack(pack({"kind": 1}, {}), "f").about(About)


def test_only_plain_numbers_and_bytes_can_be_packed() -> None:
    with pytest.raises(TypeError, match="which cannot be stored"):
        pack({}, {"objects": np.array([{}], np.object_)})
