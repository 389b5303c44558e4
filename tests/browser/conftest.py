"""A real browser, and a real JupyterLab on loopback with a real kernel.

Without Chromium these tests fail and say how to get it: a check that is skipped in silence is no check.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import genimg

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"


@pytest.fixture(scope="session")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail("no Chromium here; on Debian: apt-get install --no-install-recommends chromium", pytrace=False)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Root, as in a container, gets no sandbox from Chromium.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def shot():
    """Saves what a page or an element of it looks like, for those who want to look."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def save(what, name):
        what.screenshot(path=SHOTS / f"{name}.png")

    return save


@pytest.fixture
def watched(browser):
    """Makes pages that note what they complain about and reach for nothing outside this machine."""
    contexts = []

    def open_page(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.outside = [], []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))

        def guard(route):
            page.outside.append(route.request.url)
            route.abort()

        context.route(lambda url: not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")), guard)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """(address, token, folder) of a JupyterLab with settings and state of its own."""
    home = tmp_path_factory.mktemp("lab")
    folder, config, settings = home / "notebooks", home / "config", home / "settings" / "@jupyterlab"
    for path in (folder, config):
        path.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    server = {
        "ServerApp": {"ip": "127.0.0.1", "port": port, "port_retries": 0, "root_dir": str(folder)},
        "IdentityProvider": {"token": token},
        "LabApp": {
            "open_browser": False,
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
    }
    (config / "jupyter_server_config.json").write_text(json.dumps(server))
    wishes = {
        "apputils-extension/notification": {"fetchNews": "false"},
        "apputils-extension/themes": {"adaptive-theme": True},
        "notebook-extension/tracker": {"windowingMode": "none"},  # outputs stand where they are, seen or not
    }
    for name, value in wishes.items():
        path = settings / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    own = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": config,
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": Path(genimg.__file__).parents[1],  # the kernel tests the same package as we do
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    log = home / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=os.environ | {k: str(v) for k, v in own.items()}
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()[-3000:]
                time.sleep(0.1)
        else:
            pytest.fail(f"JupyterLab did not answer:\n{log.read_text()[-3000:]}")
        yield address, token, folder
    finally:
        process.terminate()  # it ends its kernels
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where a test fails, what the browser showed."""
    report = yield
    page = item.funcargs.get("notebook")
    if report.failed and page is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Exception):  # the test's own failure is the news, not that of its picture
            page.screenshot(path=SHOTS / f"failed-{item.name}.png", timeout=5000)
    return report
