from __future__ import annotations

import subprocess
import sys

import pytest

from tonari.config import EngineSettings
from tonari.contract.database import Access
from tonari.engines.builtin import BuiltinOpening
from tonari.engines.opening import EXTRAS, connect, opening_of
from tonari.errors import SettingError

NOT_LOADED = """
import sys
import tonari.aws.functions
names = ("pymilvus", "psycopg", "vald", "grpc", "pandas", "tonari.engines.databases.")
print([name for name in sys.modules if name.startswith(names)])
"""
WITHOUT_CLIENT = """
import sys
sys.modules.update({"pymilvus": None, "psycopg": None, "vald": None, "grpc": None})
from tonari.config import EngineSettings
from tonari.engines.opening import connect
connect(EngineSettings(sys.argv[1], "http://127.0.0.1:1"), {})
"""


def test_the_built_in_engine_needs_no_database() -> None:
    assert connect(EngineSettings(), {}) is None
    assert isinstance(opening_of(EngineSettings(), None), BuiltinOpening)


def test_an_engine_that_nobody_knows_is_named_with_those_that_are_known() -> None:
    with pytest.raises(SettingError, match="'solr'; it can be builtin, opensearch"):
        connect(EngineSettings("solr", "http://127.0.0.1:1"), {})


def test_the_functions_load_no_adapter_and_no_client() -> None:
    loaded = subprocess.run([sys.executable, "-c", NOT_LOADED], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", [kind for kind, extra in EXTRAS.items() if extra])
def test_a_client_that_is_not_installed_is_named_with_the_remedy(kind: str) -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT_CLIENT, kind], capture_output=True, text=True, check=False)
    assert "SettingError" in ran.stderr
    assert f"deploy with Engine={kind}, or install tonari[{EXTRAS[kind]}]" in ran.stderr


def test_no_message_repeats_a_password() -> None:
    secret = {"user": "shop", "password": "hush", "token": "quiet"}  # pragma: allowlist secret
    shown = repr(Access("https://search", **secret)) + repr(EngineSettings("milvus", "x", **secret))
    assert "hush" not in shown
    assert "quiet" not in shown
