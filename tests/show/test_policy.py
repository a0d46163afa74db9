"""Pages run their own script and nothing else, in a real browser."""

import build
import pytest
from conftest import Page, until

from mbnb.show.page import page_script, rendered
from mbnb.show.player import player

INJECTED = (
    "<script>document.title = 'injected'</script>"
    "<img src=x onerror=\"document.title = 'injected'\">"
    "<a href=\"javascript:document.title = 'injected'\" id=bad>x</a>"
    "<form action=https://example.org><button id=send>x</button></form>"
    "<script src=https://example.org/a.js></script><iframe src=https://example.org></iframe>"
)


@pytest.mark.parametrize("template", ["found.html", "page.html", "report.html"])
def test_what_is_injected_into_a_page_does_not_run(template, browser, tmp_path):
    name = "<img src=x onerror=\"document.title='injected'\">"
    view = player([build.moving(0, 0)], [name])
    page = rendered(
        template,
        page_script(view.scripts, view.mount),
        **dict.fromkeys(("asked", "collection", "title", "run"), name),
        rows=[],
        view=view.fragment(),
        explorer=view.fragment(),
    )
    path = tmp_path / "page.html"
    for body, is_silent in (("", True), (INJECTED, False)):
        path.write_text(page.replace("</body>", f"{body}</body>"), encoding="utf-8")
        browser.get_log("browser")
        browser.get(path.as_uri())
        if template != "report.html":  # which draws only where there is an evaluation
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
    browser.get("about:blank")
