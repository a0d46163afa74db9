"""Pages run their own script and nothing else, in a real browser."""

import build
import numpy as np
import pytest
from conftest import Page, until

from mbnb.bodies.library import load_body
from mbnb.coding.recordings import Recording
from mbnb.intervals import MACHINE, Coding, Interval, Medium
from mbnb.show.meshes import Moving, mesh_player
from mbnb.show.page import Widget, page_script, rendered
from mbnb.show.player import player
from mbnb.show.timeline import timeline, write_timeline

RUNS = "document.title = 'injected'"
# What a person, a clip, a class, a file may be called by somebody who means no good.
NAME = f'"\'></script><script>{RUNS}</script><img src=x onerror="{RUNS}">${{{RUNS}}}{{{{ 7 * 7 }}}}'

INJECTED = (
    "<script>document.title = 'injected'</script>"
    "<img src=x onerror=\"document.title = 'injected'\">"
    "<a href=\"javascript:document.title = 'injected'\" id=bad>x</a>"
    "<form action=https://example.org><button id=send>x</button></form>"
    "<script src=https://example.org/a.js></script><iframe src=https://example.org></iframe>"
)


def mesh() -> Widget:
    """A body with a surface that stands still."""
    body = load_body()
    still = np.tile(np.eye(3, dtype=np.float32), (2, len(body), 1, 1))
    place = np.zeros((2, 3), np.float32)
    return mesh_player([Moving(NAME, body, still, np.zeros(len(body.shapes), np.float32), place)])


@pytest.mark.parametrize(
    "template", ["found.html", "page.html", "report.html", "lifted.html", "mesh"]
)
def test_what_is_injected_into_a_page_does_not_run(template, browser, tmp_path):
    view = mesh() if template == "mesh" else player([build.moving(0, 0)], [NAME])
    facts = dict(source=NAME, frames={NAME: 3}, notes=[NAME], encoder=NAME, body=NAME)
    page = rendered(
        "lifted.html" if template == "mesh" else template,
        page_script(view.scripts, view.mount),
        **dict.fromkeys(("asked", "collection", "title", "run"), NAME),
        rows=[],
        facts=facts,
        every=2,
        view=view.fragment(),
        explorer=view.fragment(),
    )
    path = tmp_path / "page.html"
    for body, is_silent in (("", True), (INJECTED, False)):
        path.write_text(page.replace("</body>", f"{body}</body>"), encoding="utf-8")
        browser.get(path.as_uri())
        if template not in ("report.html", "mesh"):  # the one draws evaluations, the other by WebGL
            until(lambda: Page(browser).coloured(0) > 50)
        messages = [one["message"] for one in browser.get_log("browser")]
        assert browser.title != "injected"
        if is_silent:
            assert messages == []
        else:
            browser.execute_script("document.getElementById('bad').click()")
            browser.execute_script("document.getElementById('send').click()")
            assert browser.title != "injected" and browser.current_url == path.as_uri()
            assert all("Content Security Policy" in one or "ERR_" in one for one in messages)
            assert len(messages) >= 4


def test_names_in_a_timeline_do_not_run(browser, tmp_path):
    ones = (Interval(0.1, 0.4, NAME, NAME, NAME, MACHINE, 0.5), Interval(0.5, 0.6, NAME, NAME))
    coding = Coding(NAME, ones, media=(Medium(NAME),), notes=(NAME,))
    recording = Recording(NAME, build.moving(0, 0, 30), np.arange(30) / 30, NAME)
    path = write_timeline(timeline(coding, [recording], against=coding), tmp_path / "page.html")
    assert "<script>document.title" not in path.read_text(encoding="utf-8")
    browser.get(path.as_uri())
    until(lambda: Page(browser).one("canvas"))
    shown = browser.execute_script("return document.body.textContent + document.title")
    assert NAME in shown and browser.title != "injected"
    assert [one["message"] for one in browser.get_log("browser")] == []
