"""What a cold start imports: each module costs time in every new environment."""

from __future__ import annotations

import subprocess
import sys

NOT_WANTED = {
    "matplotlib", "onnx", "torch", "scipy", "sklearn", "werkzeug", "typer", "click", "rich", "jinja2", "jsonschema",
    "yaml", "filelock", "hypothesis", "tkinter", "unittest", "pytest", "tonari_tools", "tonari_shop", "tonari.client",
    "onnxruntime.quantization", "tonari_newsroom", "openapi_spec_validator",
    "pymilvus", "psycopg", "vald", "grpc", "pandas",
}  # fmt: skip


def test_handlers_import_nothing_they_do_not_need() -> None:
    script = "import sys, tonari.aws.functions; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()

    assert {"tonari.api.app", "tonari.builds.rebuild", "boto3", "onnxruntime"} <= set(loaded)
    assert NOT_WANTED & set(loaded) == set()
    assert [name for name in loaded if name.startswith("tonari.engines.databases.")] == []
