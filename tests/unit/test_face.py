"""The face of the package: what `import tonari` offers, and what it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tonari
from tonari import errors

HEAVY = {"numpy", "onnxruntime", "usearch", "numkong", "boto3", "botocore", "msgspec", "PIL"}


def modules_after(program: str) -> set[str]:
    """Run a program in an interpreter of its own, and tell which packages it loaded."""
    script = f"import sys\n{program}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_after("import tonari; tonari.__version__; tonari.InvalidFilterError; dir(tonari)") & HEAVY == set()


def test_an_index_needs_no_encoder_and_no_aws() -> None:
    loaded = modules_after("import tonari; tonari.Index")

    assert {"numpy", "usearch"} <= loaded
    assert loaded & {"onnxruntime", "boto3", "botocore", "PIL"} == set()


def test_every_error_is_offered() -> None:
    offered = {name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")}

    assert {"TonariError", "InvalidVectorError", "CorruptArtefactError"} <= offered <= set(dir(tonari))
    assert all(getattr(tonari, name) is getattr(errors, name) for name in offered)


@pytest.mark.parametrize("name", ["ClassVar", "Error", "Indexx"])
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute {name!r}"):
        getattr(tonari, name)
