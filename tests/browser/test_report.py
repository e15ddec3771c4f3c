"""``/report`` of the demo, in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from browser.test_page import ask, begin, console, hosts_asked

pytestmark = pytest.mark.browser

LOADED = """
const all = [...document.images];
return [all.length, all.filter((one) => one.complete && one.naturalWidth > 0).length];
"""
UNREADABLE = """
// Texts of charts that are drawn in the colour that they stand on, or not at all.
const paper = getComputedStyle(document.body).backgroundColor;
return [...document.querySelectorAll('svg text')].filter((one) => {
  const fill = getComputedStyle(one).fill;
  return fill === paper || fill === 'none' || fill === 'rgb(0, 0, 0)';
}).length;
"""
WIDE = "return [innerWidth, document.documentElement.scrollWidth]"


def dress(browser: Chrome, width: int, scheme: str) -> None:
    metrics: dict[str, Any] = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def test_the_page_leads_to_the_report(browser: Chrome, demo_url: str) -> None:
    begin(browser, demo_url)
    hosts_asked(browser)  # forgets those of the page
    browser.find_element(By.LINK_TEXT, "Report on this catalogue").click()
    assert urlsplit(browser.current_url).path == "/report"
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("tonari")
    many, loaded = browser.execute_script(LOADED)
    assert many == loaded > 40
    assert len(browser.find_elements(By.CSS_SELECTOR, "svg[role=img]")) >= 10
    assert console(browser) == []
    assert hosts_asked(browser) == {urlsplit(demo_url).netloc}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_file_of_it_reads_well(browser: Chrome, demo_url: str, tmp_path: Path, width: int, scheme: str) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(ask("GET", f"{demo_url}/report").data)
    dress(browser, width, scheme)
    browser.get(file.as_uri())
    inner, scrolled = browser.execute_script(WIDE)
    assert scrolled <= inner
    assert browser.execute_script(UNREADABLE) == 0
    many, loaded = browser.execute_script(LOADED)
    assert many == loaded > 40
    assert console(browser) == []
