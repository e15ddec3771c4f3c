from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest

from tonari.errors import InvalidEncoderError
from tonari_tools.onnx.torch_pickle import MAGIC, load_state_dict


class StorageReference:
    def __init__(self, kind, key, count):
        self.id = ("storage", kind, key, "cpu", count, None)


class TensorReference:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, shape, strides, False, OrderedDict())


@pytest.fixture
def dump(monkeypatch):
    """Writes what torch < 1.6 would write, with stand-ins for the three globals that its pickles name."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for kind in ("FloatStorage", "LongStorage"):
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise AssertionError

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, StorageReference):
                return None
            return (thing.id[0], getattr(torch, thing.id[1]), *thing.id[2:])

        def reducer_override(self, thing):
            if isinstance(thing, TensorReference):
                return _rebuild_tensor_v2, thing.arguments
            return NotImplemented

    def write(state, storages):
        stream = io.BytesIO()
        for part in (MAGIC, 1001, {"little_endian": True}, state, list(storages)):
            Pickler(stream, 2).dump(part)
        for data in storages.values():
            stream.write(np.int64(data.size).tobytes() + data.tobytes())
        return stream.getvalue()

    return write


def test_reads_offsets_strides_and_shared_storages(dump):
    data = np.arange(10, dtype=np.float32)
    storage = StorageReference("FloatStorage", "7", 10)
    state = OrderedDict(
        rows=TensorReference(storage, 0, (2, 3), (3, 1)),
        columns=TensorReference(storage, 1, (2, 3), (1, 2)),
        scalar=TensorReference(StorageReference("LongStorage", "8", 1), 0, (), ()),
    )
    read = load_state_dict(dump(state, {"7": data, "8": np.array([5], np.int64)}))
    np.testing.assert_array_equal(read["rows"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(read["columns"], [[1, 3, 5], [2, 4, 6]])
    assert read["columns"].flags.c_contiguous
    assert read["columns"].dtype == np.float32
    assert read["scalar"] == 5


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (2, 6), (6, 1)),
        (9, (2,), (1,)),
        (-1, (2,), (1,)),
        (4, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, (2,), (2**40,)),
        (0, (2**40,), (0,)),
        (0, (0,), (2**80,)),
    ],
)
def test_refuses_a_tensor_that_reaches_outside_its_storage(dump, offset, shape, strides):
    storage = StorageReference("FloatStorage", "0", 10)
    state = OrderedDict(weight=TensorReference(storage, offset, shape, strides))
    with pytest.raises(InvalidEncoderError, match="not a legacy PyTorch file"):
        load_state_dict(dump(state, {"0": np.zeros(10, np.float32)}))


@pytest.mark.parametrize("place", range(5))
def test_refuses_a_pickle_that_would_run_a_command(tmp_path, place):
    witness = tmp_path / "ran"

    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {witness}",)

    parts = [MAGIC, 1001, {}, {}, []]
    parts[place] = Attack()
    with pytest.raises(InvalidEncoderError, match=r"posix\.system|nt\.system"):
        load_state_dict(b"".join(pickle.dumps(part, 2) for part in parts))
    assert not witness.exists()


def test_the_attack_would_work_on_a_plain_unpickler(tmp_path):
    witness = tmp_path / "ran"

    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {witness}",)

    pickle.loads(pickle.dumps(Attack()))  # noqa: S301
    assert witness.exists()


@pytest.mark.parametrize("name", ["eval", "getattr", "__import__"])
def test_refuses_builtins(name):
    attack = f"cbuiltins\n{name}\n.".encode()
    with pytest.raises(InvalidEncoderError, match=f"builtins.{name}"):
        load_state_dict(attack)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 a zip of torch 1.6", pickle.dumps(1), pickle.dumps(MAGIC)])
def test_refuses_what_is_not_a_legacy_file(data):
    with pytest.raises(InvalidEncoderError, match="not a legacy PyTorch file"):
        load_state_dict(data)


def test_refuses_a_storage_cut_off(dump):
    state = {"weight": TensorReference(StorageReference("FloatStorage", "0", 10), 0, (10,), (1,))}
    whole = dump(state, {"0": np.zeros(10, np.float32)})
    with pytest.raises(InvalidEncoderError, match="cut off"):
        load_state_dict(whole[:-4])


def test_the_stem_is_read_as_it_was_trained(weights):
    """The variance that training recorded behind the stem follows from its filters; in a wrong order it does not."""
    stem = weights["_conv_stem.weight"].astype(float)
    recorded = np.log(weights["_bn0.running_var"].astype(float) + 1e-6)
    place = np.stack(np.mgrid[:3, :3], axis=-1).reshape(9, 2)
    apart = np.linalg.norm(place[:, None] - place, axis=2)
    neighbours_alike = np.kron(np.full((3, 3), 0.9) + 0.1 * np.eye(3), np.exp(-apart / 20))

    def agreement(kernel):
        filters = kernel.reshape(32, 27)
        expected = np.einsum("oi,ij,oj->o", filters, neighbours_alike, filters)
        return np.corrcoef(np.log(expected + 1e-6), recorded)[0, 1]

    strides_ignored = stem.transpose(2, 3, 1, 0).reshape(stem.shape)
    assert agreement(stem) > 0.99
    assert agreement(strides_ignored) < 0.5
