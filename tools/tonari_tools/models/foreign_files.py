"""What a file is that is no ONNX graph, told by its first bytes or its name, and what to do with it.

Nothing is loaded: a pickle is known by its opcodes, and never run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tonari.images.headers import looks_like_picture

HEAD = 4096
TORCH = (
    "torch.onnx.export(model, (picture,), 'model.onnx') writes an ONNX file from the loaded network; for a model of "
    "transformers: optimum-cli export onnx --model FOLDER OUT"
)
TENSORFLOW, KERAS, TFLITE = (
    f"python -m tf2onnx.convert {option} --output model.onnx writes an ONNX file from it"
    for option in ("--saved-model FOLDER", "--keras FILE", "--tflite FILE")
)
UNPACK = "unpack it, and give the .onnx file"
STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs.github.com/spec/", "is a pointer of Git LFS, not the file itself", "git lfs pull"),
    (b"/annex/objects/", "is a pointer of git-annex, not the file itself", "git annex get"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is a PyTorch checkpoint", TORCH),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes models", KERAS),
    (b"GGUF", "is a GGUF file", "export the network it came from to ONNX"),
    (b"ftrt", "is an engine of TensorRT", "give the ONNX file that it was built from"),
    (b"\x1f\x8b", "is a gzip archive", UNPACK),
    (b"BZh", "is a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\x00", "is an xz archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", UNPACK),
    (b"(\xb5/\xfd", "is a zstd archive", UNPACK),
    (b"\x93NUMPY", "is a numpy array", "export the network to ONNX"),
    (b"%PDF", "is a PDF", "give the .onnx file"),
)
"""By the first bytes: what it is, and the remedy."""
AT_FOUR = {
    b"TFL3": ("is a TensorFlow Lite model", TFLITE),
    b"ORTM": ("is a model in ORT format", "give the ONNX file that it was made from"),
}
NAMES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("saved_model.pb", ".pb"), "is a TensorFlow graph", TENSORFLOW),
    ((".h5", ".keras", ".hdf5"), "is a Keras model", KERAS),
    ((".tflite",), "is a TensorFlow Lite model", TFLITE),
    ((".safetensors",), "holds weights alone (safetensors), no graph", TORCH),
    ((".pt", ".pth", ".ckpt", "pytorch_model.bin", ".pt2"), "is a PyTorch checkpoint", TORCH),
    ((".mlmodel", ".mlpackage"), "is a Core ML model", "export the network it came from to ONNX"),
    ((".msgpack",), "is a Flax checkpoint", "export the network it came from to ONNX"),
    ((".pdmodel", ".pdiparams"), "is a Paddle model", "paddle2onnx writes an ONNX file from it"),
)
"""By the end of the name, where the content says nothing."""


def tell_content(path: Path) -> str | None:
    """Tell by its content what a file is, if it surely is no ONNX file.

    Returns
    -------
    What it is and the remedy, to follow its name; None if it may be one.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    size = path.stat().st_size
    if not size:
        return "is empty: transfer or export it again"
    with path.open("rb") as file:
        head = file.read(HEAD)
    found = next(((what, remedy) for start, what, remedy in STARTS if head.startswith(start)), None)
    found = found or AT_FOUR.get(head[4:8]) or _pickled(head, path) or _safetensors(head, size) or _text(head)
    if looks_like_picture(head):
        found = ("is a picture", "give the .onnx file")
    if head.startswith(b"PK"):
        found = _archive(path)
    if head[257:262] == b"ustar":
        found = ("is a tar archive", UNPACK)
    return ": ".join(found) if found else None


def tell_name(path: Path) -> str | None:
    """Tell by its name what a file or folder probably is; None if the name says nothing."""
    name = path.name.lower()
    if ".onnx" in name and path.suffix.lower() != ".onnx":
        return "holds the weights of an ONNX file, not its graph: give the .onnx file beside it"
    return next((f"{what}: {remedy}" for ends, what, remedy in NAMES if name.endswith(ends)), None)


def tell_folder(names: Iterable[str]) -> str | None:
    """Tell what a folder without an ONNX file holds instead, and the remedy; PyTorch's files before others."""
    found = {name: told for name in sorted(names) if (told := _tell_held(name))}
    best = next((name for name, told in found.items() if TORCH in told), next(iter(found), None))
    return None if best is None else f"{best} {found[best]}"


def _tell_held(name: str) -> str | None:
    return tell_name(Path(name)) or (f"is a PyTorch checkpoint: {TORCH}" if name.lower().endswith(".bin") else None)


HOLDS: tuple[tuple[Callable[[str], bool], tuple[str, str]], ...] = (
    (lambda name: name.endswith("/constants.pkl") or "/code/" in name, ("is a TorchScript archive", TORCH)),
    (lambda name: name.endswith("data.pkl"), ("is a PyTorch checkpoint", TORCH)),
    (lambda name: name.endswith("model.weights.h5"), ("is a Keras model", KERAS)),
    (lambda name: name.lower().endswith(".onnx"), ("is a zip archive with an ONNX file in it", UNPACK)),
    (lambda name: name.endswith(".npy"), ("holds numpy arrays (npz)", "export the network to ONNX")),
)
"""What a zip archive is, by a name in it."""


def _pickled(head: bytes, path: Path) -> tuple[str, str] | None:
    """Know a pickle of protocol 2 to 5: PROTO, its number, then an opcode that builds something."""
    if head[:1] != b"\x80" or head[1:2] not in {b"\x02", b"\x03", b"\x04", b"\x05"}:
        return None
    if b"torch" in head or path.suffix.lower() in {".pt", ".pth", ".ckpt", ".bin"}:
        return "is a PyTorch checkpoint", TORCH
    return "is a Python pickle, which is not opened", TORCH


def _safetensors(head: bytes, size: int) -> tuple[str, str] | None:
    """Know safetensors: the length of a JSON header in 8 bytes, then the header."""
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= size - 8:
        return "holds weights alone (safetensors), no graph", TORCH
    return None


def _text(head: bytes) -> tuple[str, str] | None:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<head")):
        return "is a web page, not the file", "download the file itself, not the page that shows it"
    if begin.startswith(b"<?xml"):
        return "is XML, as OpenVINO writes graphs", "export the network it came from to ONNX"
    if begin[:1] in {b"{", b"["} and b"\x00" not in begin:
        return "is JSON", "give the .onnx file; settings go into --config"
    return None


def _archive(path: Path) -> tuple[str, str]:
    """Tell what a zip archive holds, by the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        torch = (tell_name(path) or "").startswith("is a PyTorch checkpoint")
        what = "is a PyTorch checkpoint that ends early" if torch else "is a zip archive that ends early"
        return what, f"transfer it again; {TORCH}" if torch else "transfer it again"
    told = next((what for holds, what in HOLDS if any(map(holds, names))), None)
    if told is None and path.suffix.lower() == ".pt2":
        told = ("is a PyTorch checkpoint", TORCH)
    return told or ("is a zip archive without an ONNX file", "give the .onnx file")
