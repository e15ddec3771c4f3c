"""Files that are no ONNX graph are called what they are, with a remedy, and nothing in them is run."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import pictures
from models import Model
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.main import main
from tonari_tools.models.check import examine
from tonari_tools.models.model_file import MOST_BYTES

LEGACY_TORCH = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2)
TORCH = "torch.onnx.export"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x" * 50)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


class Trap:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.write_text, (self.path, "run"))


@pytest.mark.parametrize(
    ("name", "data", "says", "remedy"),
    [
        ("model.pt", zipped("archive/data.pkl", "archive/version"), "is a PyTorch checkpoint", "torch.onnx.export"),
        ("pytorch_model.bin", zipped("pytorch_model/data.pkl"), "is a PyTorch checkpoint", "optimum-cli export onnx"),
        ("model.onnx", zipped("archive/data.pkl"), "is a PyTorch checkpoint", "torch.onnx.export"),
        ("model.pth", LEGACY_TORCH, "is a PyTorch checkpoint", "torch.onnx.export"),
        ("model.ckpt", pickle.dumps({"state_dict": 1}), "is a PyTorch checkpoint", "torch.onnx.export"),
        ("model.onnx", pickle.dumps({"a": 1}), "is a Python pickle, which is not opened", "torch.onnx.export"),
        ("model.pt", zipped("m/code/__torch__.py", "m/constants.pkl", "m/data.pkl"), "is a TorchScript archive", TORCH),
        ("model.pt2", zipped("models/model.json"), "is a PyTorch checkpoint", "torch.onnx.export"),
        ("model.pt", zipped("archive/data.pkl")[:90], "is a PyTorch checkpoint that ends early", "transfer it again"),
        ("model.pth", b"\x00\x01\x02\x03" * 9, "is a PyTorch checkpoint", "torch.onnx.export"),
        ("model.safetensors", safetensors(), "holds weights alone (safetensors), no graph", "optimum-cli"),
        ("model.keras", zipped("config.json", "model.weights.h5"), "is a Keras model", "tf2onnx"),
        ("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(90), "is an HDF5 file, as Keras writes models", "tf2onnx"),
        ("frozen.pb", b"\x0a\x07" + bytes(40), "is a TensorFlow graph", "tf2onnx"),
        ("model.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(40), "is a TensorFlow Lite model", "tf2onnx"),
        ("model.onnx", b"\x1c\x00\x00\x00TFL3" + bytes(40), "is a TensorFlow Lite model", "--tflite"),
        ("model.ort", b"\x1c\x00\x00\x00ORTM" + bytes(40), "is a model in ORT format", "that it was made from"),
        ("model.mlmodel", b"\x08\x05" + bytes(40), "is a Core ML model", "to ONNX"),
        ("model.gguf", b"GGUF" + bytes(40), "is a GGUF file", "to ONNX"),
        ("model.engine", b"ftrt" + bytes(40), "is an engine of TensorRT", "built from"),
        ("model.onnx", LFS, "is a pointer of Git LFS, not the file itself", "git lfs pull"),
        ("model.onnx", b"/annex/objects/MD5-s1--a\n", "is a pointer of git-annex", "git annex get"),
        ("model.onnx", b"\n <!DOCTYPE html><html>404</html>", "is a web page, not the file", "download the file"),
        ("model.onnx", b"\xef\xbb\xbf<html lang='ja'>", "is a web page", "download"),
        ("model.xml", b"<?xml version='1.0'?><net/>", "is XML, as OpenVINO writes graphs", "to ONNX"),
        ("model.onnx", b'{"error": "Repository not found"}', "is JSON", "give the .onnx file"),
        ("model.onnx", gzip.compress(b"x", mtime=0), "is a gzip archive", "unpack it"),
        ("model.onnx", tarred(), "is a tar archive", "unpack it"),
        ("model.zip", zipped("a/model.onnx"), "is a zip archive with an ONNX file in it", "unpack it"),
        ("model.zip", zipped("readme"), "is a zip archive without an ONNX file", "give the .onnx file"),
        ("w.npz", zipped("a.npy"), "holds numpy arrays", "to ONNX"),
        ("photo.onnx", pictures.encoded(pictures.photo(), "JPEG"), "is a picture", "give the .onnx file"),
        ("photo.onnx", pictures.encoded(pictures.photo(), "WEBP"), "is a picture", "give the .onnx file"),
        ("model.onnx", b"", "is empty", "transfer or export it again"),
    ],
)  # fmt: skip
def test_it_is_called_what_it_is(tmp_path: Path, name: str, data: bytes, says: str, remedy: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InvalidEncoderError) as refused:
        examine(path)
    assert refused.value.detail.startswith(f"{path} {says}")
    assert remedy in refused.value.detail
    assert "\n" not in refused.value.detail


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["model.pt", "model.bin", "model.onnx"])
def test_a_pickle_is_never_run(tmp_path: Path, protocol: int, name: str) -> None:
    path, trap = tmp_path / name, tmp_path / "trap"
    path.write_bytes(pickle.dumps(Trap(trap), protocol=protocol))
    with pytest.raises(InvalidEncoderError):
        examine(path)
    assert not trap.exists()


def test_a_large_checkpoint_is_a_checkpoint_first(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    with path.open("wb") as file:
        file.write(LEGACY_TORCH)
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(InvalidEncoderError, match="is a PyTorch checkpoint"):
        examine(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"pytorch_model.bin": LEGACY_TORCH, "config.json": b"{}"}, "pytorch_model.bin is a PyTorch checkpoint"),
        ({"model.safetensors": safetensors(), "config.json": b"{}"}, "model.safetensors holds weights alone"),
        ({"best.pt": zipped("a/data.pkl")}, "best.pt is a PyTorch checkpoint"),
        ({"diffusion.bin": b"x"}, "diffusion.bin is a PyTorch checkpoint"),
        ({"saved_model.pb": b"x"}, "saved_model.pb is a TensorFlow graph"),
        (
            {"flax_model.msgpack": b"x", "pytorch_model-00001-of-00002.bin": b"x"},
            "pytorch_model-00001-of-00002.bin is a",
        ),
        ({"tf_model.h5": b"x"}, "tf_model.h5 is a Keras model"),
        ({"m.tflite": b"x"}, "m.tflite is a TensorFlow Lite model"),
        ({"flax_model.msgpack": b"x"}, "flax_model.msgpack is a Flax checkpoint"),
        ({"model.onnx_data": b"x"}, "model.onnx_data holds the weights of an ONNX file"),
    ],
)
def test_a_folder_without_a_graph_says_what_it_holds(tmp_path: Path, names: Mapping[str, bytes], says: str) -> None:
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidEncoderError) as refused:
        examine(tmp_path)
    assert f"{tmp_path} holds no .onnx file: {says}" in refused.value.detail


def test_a_core_ml_package_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "net.mlpackage" / "Data").mkdir(parents=True)
    with pytest.raises(InvalidEncoderError, match="is a Core ML model"):
        examine(tmp_path / "net.mlpackage")


def test_a_path_that_cannot_be_is_not_there() -> None:
    with pytest.raises(InvalidEncoderError, match="is not there"):
        examine(Path("x" * 5000))


def test_a_graph_under_another_name_is_a_graph(tmp_path: Path) -> None:
    assert examine(Model().write(tmp_path / "net.pb")).read.operators == 4


def test_the_part_for_pictures_goes_before_the_whole(tmp_path: Path) -> None:
    """Hubs lay the joint model beside its parts."""
    (tmp_path / "onnx").mkdir()
    for name in ("model", "vision_model", "text_model"):
        Model(metadata={"name": name}).write(tmp_path / "onnx" / f"{name}.onnx")
    assert examine(tmp_path).files.path.name == "vision_model.onnx"


def test_an_only_model_below_onnx_is_found(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    Model().write(tmp_path / "onnx" / "Encoder.ONNX")
    assert examine(tmp_path).files.path.name == "Encoder.ONNX"


def test_the_command_line_gives_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(LEGACY_TORCH)
    for line in (["check", str(path)], ["add", str(path), "--artefacts", str(tmp_path / "bucket")]):
        assert main(["encoder", *line]) == 1
        written = capsys.readouterr()
        assert written.out == ""
        assert written.err.startswith(f"tonari: {path} is a PyTorch checkpoint: torch.onnx.export")
        assert written.err.count("\n") == 1
