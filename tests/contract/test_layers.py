"""The layers as their makefiles build them: small enough, complete, for Lambda's Python and processor."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ROOT / "layers"
LIMIT = 262_144_000
X86_64 = 62

USE = """
import io
import onnxruntime, numkong, usearch, boto3, multipart
import numpy as np
from PIL import Image
from usearch.index import Index

vectors = np.eye(16, dtype=np.float32)
index = Index(ndim=16, metric="cos", dtype="i8")
index.add(np.arange(16), vectors)
assert index.search(vectors[5], 1).keys[0] == 5
codes = (vectors * 127).astype(np.int8)
assert np.asarray(numkong.cdist(codes[:2], codes, "dot", out_dtype="int32"))[1, 1] == 127 * 127
for kind in ("JPEG", "PNG", "WEBP"):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(stream, kind)
    assert Image.open(stream).getpixel((1, 1)) == (255, 255, 255)
onnxruntime.SessionOptions()
for service in ("s3", "lambda", "stepfunctions", "secretsmanager"):
    boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
"""

USE_WORDS = """
import tantivy, tokenizers
from tokenizers.models import WordLevel

assert tokenizers.Tokenizer(WordLevel({"red": 0, "?": 1}, unk_token="?")).encode("red").ids == [0]
schema = tantivy.SchemaBuilder().add_text_field("text").build()
index = tantivy.Index(schema)
writer = index.writer(15_000_000, 1)
writer.add_document(tantivy.Document(text=["a red boot"]))
writer.commit()
index.reload()
assert index.searcher().search(tantivy.Query.term_query(schema, "text", "boot"), 1).count == 1
"""

USE_CLIENT = {
    "Milvus": "import pymilvus; pymilvus.MilvusClient; pymilvus.DataType.FLOAT_VECTOR",
    "Pgvector": "import psycopg; assert psycopg.pq.__impl__ == 'binary'",
    "Vald": "import grpc; from vald.v1.vald import insert_pb2_grpc; from vald.v1.payload import payload_pb2",
}
"""By layer of a client: what is to work with it and the layer of every function."""
LOCKS = {"Milvus": "milvus.txt", "Pgvector": "pgvector.txt", "Vald": "vald.txt"}


def build(layer: str, target: str, artifacts: Path, **variables: str) -> Path:
    """Run the layer's makefile as ``sam build`` does, over a copy of its folder."""
    source = shutil.copytree(LAYERS / layer, artifacts / "the source", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"} | variables
    subprocess.run(
        ["make", "--makefile", LAYERS / layer / "Makefile", target],
        cwd=source,
        env=environment | {"ARTIFACTS_DIR": str(artifacts)},
        check=True,
    )
    return artifacts / "python"


@pytest.fixture(scope="module")
def without_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of an environment whose Python has no pip, as uv makes them."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    return folder / "bin"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, without_pip: Path) -> Path:
    """Built where the first Python on the PATH has no pip, and pip is told to install for the user alone."""
    path = os.pathsep.join((str(without_pip), str(Path(sys.executable).parent), os.environ["PATH"]))
    artifacts = tmp_path_factory.mktemp("runtime layer")
    return build("runtime", "build-RuntimeLayer", artifacts, PATH=path, PIP_USER="1", PIP_REQUIRE_VIRTUALENV="1")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("runtime", "build-WordsLayer", tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Layers of the clients of search engines elsewhere, by name."""
    return {name: build("runtime", f"build-{name}Layer", tmp_path_factory.mktemp(name)) for name in USE_CLIENT}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("engine", "build-EngineLayer", tmp_path_factory.mktemp("engine"))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_together_they_stay_below_the_limit(runtime: Path, words: Path, engine: Path) -> None:
    unzipped = size(runtime) + size(words) + size(engine)
    assert 50_000_000 < unzipped < LIMIT


def test_with_any_client_they_stay_below_the_limit(
    runtime: Path, words: Path, engine: Path, clients: dict[str, Path]
) -> None:
    sizes = {name: size(folder) for name, folder in clients.items()}
    assert size(runtime) + size(words) + size(engine) + max(sizes.values()) < LIMIT
    assert {name: round(each / 1e7) for name, each in sizes.items() if name != "Milvus"} == {"Pgvector": 1, "Vald": 2}
    assert sizes["Milvus"] < 80_000_000


def locked_in(name: str) -> set[str]:
    """Names of the packages that a lock file of a layer names."""
    text = (LAYERS / "runtime" / name).read_text()
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))


def test_a_client_repeats_nothing_of_the_layer_of_every_function_and_that_has_no_client() -> None:
    everywhere = locked_in("requirements.txt")
    brought = {name: locked_in(lock) for name, lock in LOCKS.items()}
    assert [name for name, packages in brought.items() if packages & everywhere] == []
    assert everywhere.isdisjoint({"pymilvus", "psycopg", "vald-client-python", "grpcio", "pandas"})
    assert "pymilvus" in brought["Milvus"]
    assert {"psycopg", "psycopg-binary"} == brought["Pgvector"]
    assert "vald-client-python" in brought["Vald"]


@pytest.mark.parametrize("name", USE_CLIENT)
def test_a_client_works_with_the_runtime_in_its_own_python(
    name: str, runtime: Path, clients: dict[str, Path], tmp_path: Path
) -> None:
    python = own_python()
    environment = {"PYTHONPATH": f"{runtime}:{clients[name]}", "HOME": str(tmp_path)}
    run = subprocess.run(
        [python, "-B", "-S", "-c", USE_CLIENT[name]], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_what_only_words_need_is_in_their_layer(runtime: Path, words: Path) -> None:
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (LAYERS / "runtime" / "words.txt").read_text(), re.MULTILINE)
    assert {name for name, _ in locked} == {"tantivy", "tokenizers"}
    shipped = {path.name.removesuffix(".dist-info") for path in words.glob("*.dist-info")}
    assert shipped == {f"{name}-{version}" for name, version in locked}
    assert [path.name for path in runtime.iterdir() if path.name.partition("-")[0] in ("tantivy", "tokenizers")] == []


def test_the_libraries_of_words_need_nothing_that_is_left_out(words: Path, tmp_path: Path) -> None:
    """Their extensions are for any Python from 3.10 on, so that the one at hand can load them."""
    environment = {"PYTHONPATH": str(words), "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-B", "-S", "-c", USE_WORDS], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_engine_is_the_package_without_what_stays_local(engine: Path) -> None:
    source = LAYERS / "engine" / "tonari"
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    wanted = {path for path in wanted if path.parts[0] != "local" and "__pycache__" not in path.parts}
    shipped = {path.relative_to(engine / "tonari") for path in engine.rglob("*") if path.is_file()}
    assert {path for path in shipped if path.suffix != ".pyc"} == wanted


def test_no_layer_carries_an_encoder(runtime: Path, engine: Path) -> None:
    """The functions load it from the bucket, where it can be replaced."""
    assert [path for layer in (runtime, engine) for path in layer.rglob("*.onnx")] == []


def test_nothing_shipped_imports_what_stays_local(engine: Path) -> None:
    importers = [path for path in engine.rglob("*.py") if re.search(r"tonari[. ](import )?local\b", path.read_text())]
    assert importers == []


def test_the_runtime_is_what_was_locked(runtime: Path) -> None:
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (LAYERS / "runtime" / "requirements.txt").read_text(), re.MULTILINE)
    shipped = {path.name.removesuffix(".dist-info") for path in runtime.glob("*.dist-info")}
    assert shipped == {f"{name.replace('-', '_')}-{version}" for name, version in locked}


def test_every_extension_is_for_lambda(runtime: Path, words: Path, clients: dict[str, Path]) -> None:
    libraries = [
        path for layer in (runtime, words, *clients.values()) for path in layer.rglob("*.so*") if path.is_file()
    ]
    assert {struct.unpack_from("<H", path.read_bytes()[:20], 18)[0] for path in libraries} == {X86_64}
    tagged = [path.name for path in libraries if ".cpython-" in path.name]
    assert tagged
    assert [name for name in tagged if ".cpython-313-x86_64-linux-gnu." not in name] == []


def test_no_clutter_is_shipped(runtime: Path, words: Path) -> None:
    clutter = [
        path for layer in (runtime, words) for name in ("tests", "*.pyi", "*.a", "*.h") for path in layer.rglob(name)
    ]
    assert clutter == []


def test_bytecode_never_looks_at_its_source(runtime: Path, engine: Path) -> None:
    """Flags 1 in the header: hash-based, unchecked (PEP 552). There is none where Python 3.13 is missing."""
    compiled = [path for layer in (runtime, engine) for path in layer.rglob("*.pyc")]
    assert {struct.unpack_from("<I", path.read_bytes()[:16], 4)[0] for path in compiled} <= {1}
    assert {path.name.split(".")[-2] for path in compiled} <= {"cpython-313"}


def own_python() -> str:
    """Lambda's Python, if it is here; otherwise the test is skipped."""
    python = os.environ.get("COMPILER", "python3.13")
    try:
        subprocess.run([python, "-c", ""], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"There is no {python}. Name one by COMPILER=/path/to/python3.13.")
    return python


def test_the_runtime_works_in_its_own_python(runtime: Path, tmp_path: Path) -> None:
    python = own_python()
    environment = {"PYTHONPATH": str(runtime), "ORT_DISABLE_TELEMETRY": "1", "HOME": str(tmp_path)}
    run = subprocess.run([python, "-B", "-S", "-c", USE], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert list(tmp_path.iterdir()) == []


def found(*folders: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Ask what would install the layer where these folders are the PATH."""
    environment = {"PATH": os.pathsep.join(map(str, folders)), **variables}
    script = LAYERS / "runtime" / "find_pip.sh"
    return subprocess.run(["/bin/sh", script], env=environment, capture_output=True, text=True, check=False)


def test_every_python_is_asked_for_pip_before_uv(without_pip: Path, tmp_path: Path) -> None:
    with_pip, with_uv = tmp_path / "a b", tmp_path / "uv"
    for folder, name in ((with_pip, "python3.11"), (with_uv, "uv")):
        folder.mkdir()
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (folder / name).chmod(0o755)
    assert found(without_pip, with_uv, with_pip).stdout == f"{with_pip}/python3.11\n"
    assert found(without_pip, with_uv).stdout == f"{with_uv}/uv\n"


def test_who_has_no_pip_is_told_what_to_install(without_pip: Path) -> None:
    nothing = found(without_pip)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "apt-get install python3-pip" in nothing.stderr
    named = found(without_pip, Path(sys.executable).parent, PYTHON=str(without_pip / "python3"))
    assert (named.returncode, named.stdout) == (1, "")
    assert f"PYTHON={without_pip / 'python3'} has no pip" in named.stderr
