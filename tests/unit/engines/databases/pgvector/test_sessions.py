from __future__ import annotations

import pytest

from tonari.contract.database import Access
from tonari.engines.databases.pgvector.sessions import Sessions
from tonari.errors import EngineUnavailableError


def given(access: Access) -> dict[str, object]:
    return dict(Sessions(access)._given)


def test_this_machine_is_asked_without_tls_and_others_with_it() -> None:
    assert "sslmode" not in given(Access("postgresql://127.0.0.1:5432/shop"))
    assert "sslmode" not in given(Access("postgresql:///shop?host=/run/postgresql"))
    assert given(Access("postgresql://db.example.org/shop"))["sslmode"] == "require"
    assert given(Access("postgresql://db.example.org/shop?sslmode=disable"))["sslmode"] == "disable"


def test_an_authority_is_trusted_and_the_name_of_the_host_is_checked() -> None:
    settings = given(Access("postgresql://db.example.org/shop", authority="/etc/rds.pem"))

    assert (settings["sslmode"], settings["sslrootcert"]) == ("verify-full", "/etc/rds.pem")


def test_who_asks() -> None:
    assert given(Access("postgresql://h/shop", user="u", password="p"))["password"] == "p"  # noqa: S105, S106
    assert given(Access("postgresql://h/shop", user="u", token="t"))["password"] == "t"  # noqa: S105, S106
    assert given(Access("postgresql://me@h/shop"))["user"] == "me"


def test_a_url_of_another_kind_is_explained_without_its_secrets() -> None:
    with pytest.raises(EngineUnavailableError, match="postgresql://host:5432/database") as raised:
        Sessions(Access("postgresql://u:se cret@h:x:y/%zz"))
    assert "cret" not in str(raised.value)
