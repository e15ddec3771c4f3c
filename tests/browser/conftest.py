from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

READY_WITHIN = 300
GONE_WITHIN = 30
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def healthy(url: str) -> bool:
    try:
        with urllib3.PoolManager(timeout=5, retries=False) as pool:
            return pool.request("GET", f"{url}/v1/health").status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo shop, started as a person would start it; ends as Ctrl-C ends it."""
    home = tmp_path_factory.mktemp("demo")
    log = home / "demo.log"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tonari_tools.cli.main", "demo", "--port", str(port)]
    with log.open("wb") as out:
        demo = subprocess.Popen(
            command, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            deadline = time.monotonic() + READY_WITHIN
            while not healthy(url):
                if demo.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"The demo is not ready (exit code {demo.poll()}):\n{log.read_text()[-4000:]}")
                time.sleep(0.5)
            yield url
        finally:
            if demo.poll() is None:
                os.killpg(demo.pid, signal.SIGINT)
            try:
                demo.wait(GONE_WITHIN)
            except subprocess.TimeoutExpired:
                os.killpg(demo.pid, signal.SIGKILL)
                demo.wait()
                raise


def program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    return pytest.fail(f"{names[0]} is missing. On Debian: apt-get install chromium chromium-driver")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """A new Chromium with a profile of its own; its console and its requests are logged."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(program("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
