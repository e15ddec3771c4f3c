"""Read a ``.pth`` of PyTorch before 1.6 without torch, and without letting the pickle run anything."""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tonari.errors import InvalidEncoderError

MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
}


_Tensor = tuple[str, int, tuple[int, ...], tuple[int, ...]]
"""Key of its storage, which has not been read yet; offset, shape and strides, counted in elements."""


def _rebuild_tensor(key: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
    return key, int(offset), tuple(map(int, shape)), tuple(map(int, strides))


def _view(tensor: _Tensor, storages: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    key, offset, shape, strides = tensor
    data = storages[key]
    if min((0, offset, *shape, *strides)) < 0:
        raise ValueError("a negative offset, size or stride")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 not in shape and max(last + 1, math.prod(shape)) > data.size:
        raise ValueError(f"{shape} elements up to {last} in a storage of {data.size}")
    steps = [stride * data.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(data[offset:], shape, steps, writeable=False).copy()


class _Unpickler(pickle.Unpickler):
    """Builds plain containers and tensors; every other global is refused before it is imported."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise InvalidEncoderError(f"The weights ask for {module}.{name}; only tensors are read from a pickle.")

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, *_ = pid
        self.storages[key] = dtype
        return str(key)


def _parse(stream: BinaryIO) -> dict[str, NDArray[Any]]:
    if _Unpickler(stream).load() != MAGIC:
        raise ValueError("no magic number of a legacy file")
    for _ in ("protocol", "system"):
        _Unpickler(stream).load()
    state = _Unpickler(stream)
    tensors = state.load()
    storages = {}
    for key in _Unpickler(stream).load():
        (count,) = np.frombuffer(stream.read(8), "<i8")
        dtype = state.storages[key]
        data = stream.read(max(int(count) * dtype.itemsize, 0))
        if len(data) != count * dtype.itemsize:
            raise ValueError(f"storage {key} is cut off")
        storages[key] = np.frombuffer(data, dtype)
    return {str(name): _view(tensor, storages) for name, tensor in tensors.items()}


def load_state_dict(data: bytes) -> dict[str, NDArray[Any]]:
    """Read the tensors of a legacy ``torch.save``.

    The stream is four pickles (magic, protocol, system, state dict), a pickle of the storages' keys, then each storage
    as an int64 count and its elements (``torch.serialization._legacy_save``).

    Returns
    -------
    dict of str to array
        C-contiguous copies, strides honoured.

    Raises
    ------
    InvalidEncoderError
        If the stream is not of that form, names anything but tensors, or a tensor reaches outside its storage.
    """
    try:
        return _parse(io.BytesIO(data))
    except (
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise InvalidEncoderError(f"The weights are not a legacy PyTorch file: {error}.") from error
