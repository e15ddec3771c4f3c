"""Which head is asked for, and what is said where PyTorch is missing."""

from __future__ import annotations

import subprocess
import sys
from importlib.abc import MetaPathFinder

import pytest

from tonari.local.cli import main
from tonari.local.fit import discriminant
from tonari.local.fit.heads import HEADS, MissingTorchError, teacher_of

TRAINED = HEADS[1:]


class WithoutTorch(MetaPathFinder):
    """Finds no torch, whether it is installed or not."""

    def find_spec(self, fullname, *_):
        if fullname == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


@pytest.fixture
def without_torch(monkeypatch):
    for name in list(sys.modules):
        if name.partition(".")[0] == "torch" or name in {
            *(f"tonari.local.fit.{part}" for part in ("trained", "training", "losses"))
        }:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("tonari.local.fit.trained", raising=False)
    monkeypatch.setattr(sys, "meta_path", [WithoutTorch(), *sys.meta_path])


@pytest.mark.usefixtures("without_torch")
def test_the_closed_form_needs_no_torch():
    assert teacher_of("lda") is discriminant.teach


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("head", TRAINED)
def test_without_torch_it_is_said_what_to_install(head):
    with pytest.raises(MissingTorchError, match=r"pip install 'tonari\[heads\]'") as missing:
        teacher_of(head)
    assert "\n" not in missing.value.detail
    assert "CPU build" in missing.value.detail


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("head", TRAINED)
def test_the_command_says_so_before_it_does_anything(head, capsys):
    assert main(["encoder", "fit", "--head", head, "--catalogue", "none", "--artefacts", "none"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"tonari: --head {head} is trained with PyTorch")
    assert told.err.count("\n") == 1


def test_all_heads_are_offered(capsys):
    with pytest.raises(SystemExit):
        main(["encoder", "fit", "--head", "none"])
    said = capsys.readouterr().err
    assert all(head in said for head in HEADS)


def test_no_other_module_imports_torch():
    """A closed-form fit pays nothing for it."""
    line = "import sys, tonari.local.commands.fit, tonari.local.fit.learn; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0
