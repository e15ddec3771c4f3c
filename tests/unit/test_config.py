from __future__ import annotations

import tempfile
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tonari.config import EngineSettings, Margins, Settings
from tonari.errors import SettingError

LEAST = {"TONARI_CATALOGUE_BUCKET": "catalogue", "TONARI_ARTEFACT_BUCKET": "artefacts"}


def test_two_buckets_are_enough() -> None:
    assert Settings.read(LEAST) == Settings("catalogue", "artefacts", 10.0, Path(tempfile.gettempdir()) / "tonari", "")


def test_everything_can_be_set() -> None:
    more = {
        "TONARI_HEAD_MAX_AGE": "0.5",
        "TONARI_CACHE_DIR": "/mnt/cache",
        "TONARI_REBUILD_FUNCTION": "shop-rebuild",
        "TONARI_RECALL_MARGIN": "0",
        "TONARI_ACCURACY_MARGIN": "0.1",
    }

    assert Settings.read(LEAST | more) == Settings(
        "catalogue", "artefacts", 0.5, Path("/mnt/cache"), "shop-rebuild", Margins(0.0, 0.1)
    )


def test_an_empty_cache_folder_is_the_default() -> None:
    assert Settings.read(LEAST | {"TONARI_CACHE_DIR": ""}) == Settings.read(LEAST)


@pytest.mark.parametrize("name", LEAST)
def test_a_missing_bucket_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        Settings.read({other: value for other, value in LEAST.items() if other != name})


@pytest.mark.parametrize("name", LEAST)
def test_an_empty_name_is_no_bucket(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        Settings.read(LEAST | {name: ""})


@pytest.mark.parametrize("age", ["soon", "-1", "nan", "inf"])
def test_an_age_that_is_none_is_shown(age: str) -> None:
    with pytest.raises(SettingError, match=age):
        Settings.read(LEAST | {"TONARI_HEAD_MAX_AGE": age})


@pytest.mark.parametrize("name", ["TONARI_RECALL_MARGIN", "TONARI_ACCURACY_MARGIN"])
@pytest.mark.parametrize("margin", ["some", "-0.1", "1.1", "nan", "3%"])
def test_a_margin_that_is_no_share_is_shown(name: str, margin: str) -> None:
    with pytest.raises(SettingError, match=f"{name}.*{margin}"):
        Settings.read(LEAST | {name: margin})


def test_settings_stay_as_they_are() -> None:
    settings = Settings.read(LEAST)

    with pytest.raises(FrozenInstanceError):
        settings.catalogue = "another"  # type: ignore[misc]


def test_an_engine_elsewhere_has_a_url_and_a_prefix() -> None:
    assert EngineSettings.read({}) == EngineSettings("builtin", "", "tonari")
    read = EngineSettings.read(
        {
            "TONARI_ENGINE": "opensearch",
            "TONARI_ENGINE_URL": "https://search:9200",
            "TONARI_ENGINE_PREFIX": "shop_2",
            "TONARI_ENGINE_SECRET": "arn:secret",
            "TONARI_ENGINE_REGION": "eu-west-1",
            "TONARI_ENGINE_USER": "reader",
        }
    )
    assert read == EngineSettings(
        "opensearch", "https://search:9200", "shop_2", "arn:secret", "eu-west-1", user="reader"
    )
    assert read.own_secret == {"user": "reader", "password": "", "token": ""}
    with pytest.raises(SettingError, match="TONARI_ENGINE_URL"):
        EngineSettings.read({"TONARI_ENGINE": "milvus"})
    for prefix in ("Shop", "1shop", "shop-1", "s" * 21):
        with pytest.raises(SettingError, match="TONARI_ENGINE_PREFIX"):
            EngineSettings.read({"TONARI_ENGINE_PREFIX": prefix})
