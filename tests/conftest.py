"""What several tests need: recordings and golden numbers, an accelerator, a real browser."""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, a process a core

import pytest

# Whatever a shell starts in the background ignores Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)

BESIDE = Path(__file__).resolve().parents[2] / "shared"
SHARED = Path(os.environ.get("MBNB_SHARED", BESIDE))
# Files that take minutes begin first, so that no process is left alone with one at the end.
LONGEST = ("run/test_run.py", "train/test_loop.py", "test_recordings.py", "test_install.py")


def pytest_collection_modifyitems(items):
    """Those of `LONGEST` before all others."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden numbers and recordings; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED.name}/ beside the checkout: its numbers are not distributed")
    return SHARED


@pytest.fixture(scope="session")
def recordings(shared, tmp_path_factory):
    """A function that returns the folder of a data set of recordings, by its name."""

    @functools.cache
    def unpacked(name: str) -> Path:
        folder = tmp_path_factory.mktemp("recordings") / name
        command = [sys.executable, shared / "real" / "unpack.py", name, folder]
        subprocess.run(command, check=True, capture_output=True)
        return folder

    return unpacked


@pytest.fixture(scope="session")
def accelerator():
    """The GPU, for tests of what runs there; with `GPU_TESTS_ON=cpu` a processor rehearses them."""
    import torch

    name = "cuda" if torch.cuda.is_available() else os.environ.get("GPU_TESTS_ON")
    if name is None:
        pytest.skip("no CUDA GPU here: benchmarks/gpu.sh runs these tests where there is one")
    return torch.device(name)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A headless Chromium, driven by selenium; tests that need it skip where there is none."""
    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("no browser: install the Debian packages chromium and chromium-driver")
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="no selenium: install it from PyPI"
    )
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "window-size=1366,900",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium):
    """The browser on an empty page and with an empty console, where a test leaves it, too."""
    chromium.get("about:blank")  # what pages of other tests say when they are left is theirs
    chromium.set_window_size(1366, 900)
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")  # or what plays there would go on for as long as the tests last


class Page:
    """What `mbnb/show/web` shows in an opened page, in a shadow tree of its own."""

    def __init__(self, browser, place: int = 0):
        self.browser, self.place = browser, place
        until(
            lambda: self.run("return hosts.length > place && root.querySelector('canvas') !== null")
        )

    def run(self, script: str, *arguments):
        """Run a script that knows `root`, the shadow tree; promises are awaited."""
        known = (
            f"const place = {self.place}, hosts = document.querySelectorAll('.mbnb'),"
            f" root = hosts[place]?.shadowRoot;"
        )
        return self.browser.execute_script(f"{known} {script}", *arguments)

    def all(self, selector: str) -> list:
        return self.run("return [...root.querySelectorAll(arguments[0])]", selector)

    def one(self, selector: str):
        return self.run("return root.querySelector(arguments[0])", selector)

    def click(self, selector: str) -> None:
        """Click the first such element where it can be seen."""
        self.run("root.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", selector)
        self.one(selector).click()

    def pixels(self, canvas: int = 0) -> str:
        """What a skeleton's canvas shows, two painted frames from now."""
        return self.run(
            "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => "
            "done(root.querySelectorAll('canvas.skeleton')[arguments[0]].toDataURL()))))",
            canvas,
        )

    def frame(self) -> int:
        """The frame that the controls show."""
        return int(self.run("return root.querySelector('input.frame').value"))

    def coloured(self, canvas: int = 0) -> int:
        """How many pixels of a skeleton's canvas have a colour."""
        # Off a copy, since a browser complains of a page whose canvas is read often.
        return self.run(
            "const c = root.querySelectorAll('canvas.skeleton')[arguments[0]],"
            " copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0); const d = copy.getImageData(0, 0, c.width, c.height).data;"
            "let n = 0; for (let i = 0; i < d.length; i += 4)"
            " n += d[i + 3] > 200 && Math.abs(d[i] - d[i + 2]) > 60; return n",
            canvas,
        )

    def click_cell(self, true: int, predicted: int) -> None:
        """Click a cell of the explorer's confusion matrix as a pointer does."""
        from selenium.webdriver import ActionChains

        x, y = self.run(
            "return root.explorer.panels.matrix.at(arguments[0], arguments[1])", true, predicted
        )
        canvas = self.one("canvas.matrix")
        self.browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas)
        size = canvas.size
        ActionChains(self.browser).move_to_element_with_offset(
            canvas, round(x - size["width"] / 2), round(y - size["height"] / 2)
        ).click().perform()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page that holds some HTML alone; after the test its console must be silent."""

    def open_page(body: str) -> Page:
        (tmp_path / "page.html").write_text(
            "<!doctype html><meta charset=utf-8><title>host</title>"
            f"<style>canvas {{ display: none }}</style><body>{body}",
            encoding="utf-8",
        )
        browser.get((tmp_path / "page.html").as_uri())
        return Page(browser)

    yield open_page
    assert [one for one in browser.get_log("browser") if "favicon" not in one["message"]] == []


def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until `true()`, at most so long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"nothing happened in {seconds} seconds"
        time.sleep(0.02)
