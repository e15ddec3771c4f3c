"""An encoder in a folder, as ``tonari init --encoder`` and ``tonari encoder fit --encoder`` take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from models import with_external_data
from tonari.errors import InvalidEncoderError
from tonari_tools.cli.encoder_files import read_encoder, write_encoder
from tonari_tools.cli.main import main
from tonari_tools.models.check import examine
from tonari_tools.models.model_file import read_model


def test_weights_in_other_files_are_put_into_the_model(tmp_path: Path) -> None:
    examined = examine(with_external_data(tmp_path / "model.onnx"))
    (tmp_path / "encoder.json").write_bytes(examined.config)
    model, config = read_encoder(tmp_path)
    assert (model, config) == (examined.model, examined.config)
    assert read_model(model).operators == 4
    write_encoder(tmp_path / "one", model, config)
    assert examine(tmp_path / "one").id == examined.id


def test_a_folder_without_an_encoder_json_says_how_one_comes_about(tmp_path: Path) -> None:
    with_external_data(tmp_path / "model.onnx")
    with pytest.raises(InvalidEncoderError, match=r"has no encoder\.json: tonari encoder add"):
        read_encoder(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "encoder.json"])
def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    examined = examine(with_external_data(tmp_path / "model.onnx"))
    (tmp_path / "encoder.json").write_bytes(examined.config)
    (tmp_path / name).unlink()
    (tmp_path / "bucket").mkdir()
    assert main(["init", "--encoder", str(tmp_path), "--artefacts", str(tmp_path / "bucket")]) == 1
    written = capsys.readouterr().err
    assert name in written
    assert written.count("\n") == 1
