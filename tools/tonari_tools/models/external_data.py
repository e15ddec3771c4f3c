"""Weights that an ONNX graph keeps in other files (``model.onnx_data``): checked and put into the graph.

Source: ONNX, ``docs/ExternalData.md``: ``location`` is relative to the folder of the graph, ``offset`` and ``length``
are in bytes; what is left out means from the beginning, and to the end. ``onnx.load`` refuses files that are symbolic
links, as all are in the cache of the Hugging Face hub; here they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import TensorProto

from tonari.errors import InvalidEncoderError
from tonari_tools.models.published.settings_files import is_there

ONE_FILE = "torch.onnx.export(..., external_data=False) writes one file"


@dataclass(frozen=True, slots=True)
class Slice:
    """Where the content of a tensor lies: name of the file as the graph says it, first byte, number of bytes."""

    location: str
    offset: int
    length: int | None


def external_tensors(tensors: Iterator[onnx.TensorProto]) -> list[onnx.TensorProto]:
    """Give the tensors whose content lies in another file."""
    return [tensor for tensor in tensors if tensor.data_location == TensorProto.EXTERNAL]


def merge_external_data(tensors: Sequence[onnx.TensorProto], folder: Path, most: int) -> dict[str, int]:
    """Put the content of tensors into the graph that they are part of.

    Parameters
    ----------
    tensors
        As :func:`external_tensors` gives them; they are changed.
    folder
        Of the graph: names of files are relative to it.
    most
        Bytes that may be read in all.

    Returns
    -------
    The names of the files, and how many tensors came from each.

    Raises
    ------
    InvalidEncoderError
        If a file is missing, too short, too large or outside the folder.
    """
    slices = [_read_slice(tensor) for tensor in tensors]
    paths = {one.location: _find(one.location, folder, len(tensors)) for one in slices}
    sizes = {name: path.stat().st_size for name, path in paths.items()}
    lengths = [_length(tensor, one, sizes) for tensor, one in zip(tensors, slices, strict=True)]
    if sum(lengths) > most:
        raise InvalidEncoderError(
            f"The model keeps {sum(lengths):,} bytes of weights in {', '.join(paths)}; put into one file they are over "
            f"the limit of {most:,} that a function can hold (an ONNX file cannot have more than 2 GB at all): take a "
            "smaller model, or store its weights smaller."
        )
    for tensor, one, length in zip(tensors, slices, lengths, strict=True):
        tensor.raw_data = _read(paths[one.location], one.offset, length)
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT
    return dict(Counter(one.location for one in slices))


def _read_slice(tensor: onnx.TensorProto) -> Slice:
    said = {entry.key: entry.value for entry in tensor.external_data}
    try:
        length = int(said["length"]) if "length" in said else None
        found = Slice(said["location"], int(said.get("offset", "0")), length)
    except (KeyError, ValueError) as error:
        raise InvalidEncoderError(
            f"The tensor {tensor.name!r} does not say where its weights lie ({dict(said)}): export the model again; "
            f"{ONE_FILE}."
        ) from error
    if found.offset < 0 or (found.length or 0) < 0:
        raise InvalidEncoderError(
            f"The tensor {tensor.name!r} has a negative offset or length ({dict(said)}): export the model again."
        )
    return found


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise InvalidEncoderError(f"{path} cannot be read: {error.strerror}.") from error


def _find(location: str, folder: Path, count: int) -> Path:
    windows, parts = PureWindowsPath(location), PurePosixPath(location.replace("\\", "/"))
    if not location or "\x00" in location or windows.anchor or parts.is_absolute() or ".." in parts.parts:
        raise InvalidEncoderError(
            f"The model names a file outside its own folder ({location!r}) for its weights, which is not opened: "
            f"{ONE_FILE}."
        )
    path = folder / parts
    if not is_there(path):
        raise InvalidEncoderError(
            f"The model keeps {count} tensors in {on_one_line(location)}, which is not in {folder}: put it there, or "
            f"{ONE_FILE}."
        )
    return path


def on_one_line(name: str) -> str:
    """Give a name that a graph has, quoted if it has line breaks or other signs that cannot be printed."""
    return name if name.isprintable() else repr(name)


def _length(tensor: onnx.TensorProto, one: Slice, sizes: dict[str, int]) -> int:
    size = sizes[one.location]
    length = size - one.offset if one.length is None else one.length
    if one.offset + length > size or length < 0:
        raise InvalidEncoderError(
            f"{one.location} ends early: it has {size:,} bytes, the tensor {tensor.name!r} lies at {one.offset:,} to "
            f"{one.offset + max(length, 0):,}. Transfer it again, with the .onnx file it belongs to."
        )
    return length
