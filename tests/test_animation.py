"""The player as a browser runs it, the poses inside it, GIF files frame by frame, and drawn poses."""

import base64
import html
import itertools
import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mbnb.animation import draw_pose, player, project, save_gif
from mbnb.files import PACKAGE, InputError
from mbnb.skeleton import Skeleton, load_skeleton

H36M, WHOLE = load_skeleton(), load_skeleton("wholebody44")
HOSTILE = """</script><script>document.title='owned'</script>"><img src=x onerror="alert('1')">&quot;\u2028${1}`"""


def waving(frames: int = 60, skeleton: Skeleton = H36M) -> np.ndarray:
    """(T, J, 3): joints at fixed random places of a body's size, three metres away; the left wrist swings 20 cm either way."""
    clip = np.random.default_rng(0).uniform([-0.4, -0.8, 2.8], [0.4, 0.8, 3.2], (len(skeleton), 3)) + np.zeros((frames, 1, 1))
    clip[:, skeleton.joints.index("L_Wrist"), 0] += 0.2 * np.sin(2 * np.pi * np.arange(frames) / 30)
    return clip


def page_of(fragment: str) -> str:
    """The document inside the fragment's frame."""
    return html.unescape(re.fullmatch(r'<iframe [^>]*srcdoc="([^"]*)"></iframe>', fragment)[1])


def payload_of(fragment: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page_of(fragment), re.DOTALL)[1])


def poses_of(payload: dict) -> list[np.ndarray]:
    """The (T, J, 3) arrays that a player holds."""
    poses = []
    for clip in payload["clips"]:
        counts = np.frombuffer(base64.b64decode(clip["poses"]), "<i2").reshape(-1, len(payload["joints"]), 3)  # (T, J, 3)
        poses.append(np.where(counts == -32768, np.nan, counts * clip["scale"] + clip["centre"]))
    return poses


@pytest.mark.parametrize("name", ["kinder_gator", "ui_prmd"])
def test_player_holds_real_poses_to_a_tenth_of_a_millimetre(name, shared):
    with np.load(shared / "real" / f"{name}.npz") as data:
        clip = data["frames"][data["offsets"][3]:data["offsets"][4]]  # (T, 17, 3)
    (held,) = poses_of(payload_of(player(clip).html))
    assert np.abs(held - clip).max() < 1e-4


def test_player_holds_clips_of_unequal_lengths_and_missing_joints():
    first, second = waving(60), waving(25) + [9.0, 0, 0]
    first[10:20, 3] = np.nan
    second[5, 2, 1] = np.nan
    held = poses_of(payload_of(player([first, second], ["a", "b"], fps=np.float32(25)).html))
    assert [len(clip) for clip in held] == [60, 25]
    np.testing.assert_allclose(held[0], first, atol=1e-4)
    assert np.isnan(held[1][5, 2]).all() and np.isnan(held[1]).sum() == 3
    assert np.nanmax(np.abs(held[1] - second)) < 1e-4


def test_player_holds_a_clip_that_was_never_seen():
    (held,) = poses_of(payload_of(player(np.full((3, 17, 3), np.nan)).html))
    assert np.isnan(held).all()


def test_player_is_small_and_asks_for_nothing():
    short, long = player(waving(60)).html, player(waving(120)).html
    assert len(long) - len(short) < 10_000
    assert (PACKAGE / "player.html").stat().st_size < 12_000
    assert "http" not in short.lower() and "src=" not in short
    assert player(waving(60))._repr_html_() == short


def test_player_of_a_whole_body_keeps_bones_and_sides():
    payload = payload_of(player(waving(10, WHOLE), skeleton=WHOLE, highlight=["L_Index", "head"]).html)
    assert payload["joints"][WHOLE.joints.index("L_Index")] == "L_Index"
    assert len(payload["bones"]) == 43 and payload["sides"].count("left") == payload["sides"].count("right") > 15
    assert {"L_Index", "Nose", "Chin"} <= {payload["joints"][j] for j in payload["marked"]}
    assert "R_Wrist" not in {payload["joints"][j] for j in payload["marked"]}


def test_hostile_titles_stay_text():
    fragment = player([waving(3), waving(3)], [HOSTILE, "plain"]).html
    plain = player([waving(3), waving(3)], ["", "plain"]).html
    assert payload_of(fragment)["clips"][0]["title"] == HOSTILE
    assert page_of(fragment).count("<script") == page_of(plain).count("<script") == 2
    assert page_of(fragment).count("<img") == 0


@pytest.mark.parametrize(("call", "complaint"), [
    (lambda: player(waving(5)[:, :12]), r"clip 0.*\(frames, 17, 3\).*h36m17.*\(5, 12, 3\)"),
    (lambda: player([waving(5), waving(5)[:0]]), "clip 1"),
    (lambda: player([waving(5)] * 2, ["one"]), "2 clips and 1 titles"),
    (lambda: player([]), "0 clips"),
    (lambda: player(waving(5), highlight=["Tail"]), "Tail.*h36m17.*L_Wrist"),
    (lambda: save_gif(waving(5, WHOLE), "no.gif"), r"\(5, 44, 3\)"),
])
def test_what_does_not_fit_is_refused(call, complaint):
    with pytest.raises(InputError, match=complaint):
        call()


def frames_of(path: Path) -> tuple[list[np.ndarray], float]:
    """The pictures (H, W, 3) of a GIF file and its seconds."""
    pictures, milliseconds = [], 0
    with Image.open(path) as file:
        for i in range(file.n_frames):
            file.seek(i)
            milliseconds += file.info["duration"]
            pictures.append(np.asarray(file.convert("RGB")).astype(int))
    return pictures, milliseconds / 1000


@pytest.mark.parametrize(("fps", "step", "count"), [(30, 2, 30), (25, 1, 60), (30, 7, 9), (120, 1, 20)])
def test_gif_keeps_the_clip_s_time(tmp_path, fps, step, count):
    clip = waving(60) + np.linspace(0, 0.1, 60)[:, None, None]
    save_gif(clip, tmp_path / "clip.gif", fps=fps, step=step)
    pictures, seconds = frames_of(tmp_path / "clip.gif")
    assert len(pictures) == count
    assert seconds == pytest.approx(60 / fps, rel=0.05)
    assert all((a != b).any() for a, b in itertools.pairwise(pictures))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.gif"]


def test_gif_shows_blue_left_and_orange_right_on_plain_white(tmp_path):
    save_gif([waving(40), waving(20)], tmp_path / "two.gif", titles=["one", r"costs $\no$"], step=4)
    pictures, _ = frames_of(tmp_path / "two.gif")
    for picture in pictures:
        red, _, blue = np.moveaxis(picture, -1, 0)
        assert (picture[0] == 255).all()
        assert (blue - red > 100).sum() > 200 and (red - blue > 100).sum() > 200
    half = pictures[0].shape[1] // 2
    after = [np.abs(picture - pictures[6]).max(-1) for picture in pictures[7:]]
    assert all((picture[:, half:] == 0).all() for picture in after), "the clip that has ended moves"
    assert all((picture[:, :half] > 0).any() for picture in after)


def test_failed_gif_leaves_the_old_one(tmp_path):
    path = tmp_path / "clip.gif"
    path.write_bytes(b"old")
    with pytest.raises(InputError):
        save_gif(waving(5)[:, :3], path)
    assert path.read_bytes() == b"old"


def test_views_turn_as_they_say():
    near, head = np.array([[0.0, 0, -1]]), np.array([[0.0, -1, 0]])
    np.testing.assert_allclose(project(np.array([[1.0, 2, 3]]), (0, 0)), [[1, -2, 3]])
    assert project(near, (30, 0))[0, 0] > 0.4
    assert project(near, (0, 30))[0, 1] < -0.4
    assert project(head, (0, 30))[0, 1] > 0.8
    np.testing.assert_allclose(np.linalg.norm(project(waving(4), (40, -20)), axis=-1), np.linalg.norm(waving(4), axis=-1))


def drawn(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)  # (H, W, 3)


@pytest.mark.parametrize("skeleton", [H36M, WHOLE], ids=lambda s: s.name)
def test_drawn_pose_leaves_out_missing_joints(skeleton):
    pictures = []
    for lost in ([], skeleton.index("L_Elbow", "L_Wrist"), list(range(len(skeleton)))):
        pose = waving(1, skeleton)[0]
        pose[lost] = np.nan
        figure = Figure((3, 3))
        ax = figure.subplots()
        ax.set(xlim=(-1, 1), ylim=(-1, 1))
        draw_pose(ax, pose, skeleton, (0, 0), highlight=["L_Shoulder"])
        pictures.append((drawn(figure) < 250).any(-1).sum())
    assert pictures[0] > pictures[1] > pictures[2] == 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no browser: install the Debian packages chromium and chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: install it from PyPI")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
                 "disable-component-update", "disable-sync", "window-size=1000,900", f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page that holds a player and nothing else, and step into the player's frame; after the test its console must be silent."""
    def open_page(fragment: str):
        browser.switch_to.default_content()
        (tmp_path / "page.html").write_text(f"<!doctype html><title>host</title><style>canvas {{ display: none }}</style>{fragment}",
                                            encoding="utf-8")
        browser.get((tmp_path / "page.html").as_uri())
        browser.switch_to.frame(0)
        return browser
    browser.get_log("browser")
    yield open_page
    assert [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]] == []


def pixels(browser, canvas: int = 0) -> str:
    """What a canvas shows, two painted frames from now."""
    return browser.execute_async_script(
        "const [i, done] = arguments; requestAnimationFrame(() => requestAnimationFrame(() => "
        "done(document.querySelectorAll('canvas')[i].toDataURL())))", canvas)


def frame_shown(browser) -> int:
    return int(browser.execute_script("return document.querySelector('#frame').value"))


def until(true) -> None:
    """Wait until `true()`, at most ten seconds."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "nothing happened in ten seconds"
        time.sleep(0.02)


def coloured(browser, canvas: int = 0) -> int:
    return browser.execute_script(
        "const c = document.querySelectorAll('canvas')[arguments[0]], d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let i = 0; i < d.length; i += 4) n += d[i + 3] > 200 && Math.abs(d[i] - d[i + 2]) > 60; return n", canvas)


def test_browser_plays_scrubs_steps_and_turns(opened):
    from selenium.webdriver import ActionChains, Keys

    browser = opened(player([waving(60), waving(30)], ["a", "b"]).html)
    play, slider, canvas = (browser.find_element("css selector", name) for name in ("#play", "#frame", "canvas"))
    start = pixels(browser)
    assert frame_shown(browser) == 0 and pixels(browser) == start and coloured(browser) > 300, "it waits on the first frame"
    play.click()
    until(lambda: frame_shown(browser) > 5)
    assert pixels(browser) != start
    play.click()
    still = pixels(browser)
    assert "Play" in play.text and pixels(browser) == still

    slider.send_keys(Keys.HOME)
    assert pixels(browser) == start
    slider.send_keys(*[Keys.ARROW_RIGHT] * 8)
    pixels(browser)
    assert frame_shown(browser) == 8 and "frame 8 of 0–59 · 0.27 s" in browser.find_element("id", "time").text
    canvas.click()
    for key, frame in ((Keys.ARROW_LEFT, 7), (Keys.ARROW_RIGHT, 8), (Keys.ARROW_RIGHT, 9)):
        ActionChains(browser).send_keys(key).perform()
        pixels(browser)
        assert frame_shown(browser) == frame
    ActionChains(browser).send_keys(" ").perform()
    until(lambda: frame_shown(browser) > 12)
    ActionChains(browser).send_keys(" ").perform()
    still = pixels(browser)
    assert pixels(browser) == still

    slider.send_keys(Keys.HOME)
    pixels(browser)
    other = pixels(browser, 1)
    ActionChains(browser).drag_and_drop_by_offset(canvas, 60, 25).move_to_element(play).perform()
    assert pixels(browser) != start and pixels(browser, 1) != other, "both clips turn"
    ActionChains(browser).double_click(canvas).move_to_element(play).perform()
    assert pixels(browser) == start
    ActionChains(browser).scroll_from_origin(_origin(canvas), 0, -300).move_to_element(play).perform()
    until(lambda: pixels(browser) != start)


def _origin(element):
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
    return ScrollOrigin.from_element(element)


def test_browser_enlarges_motion_and_ends_without_loop(opened):
    from selenium.webdriver import Keys

    browser = opened(player([waving(20), waving(8)], fps=60).html)
    slider = browser.find_element("id", "frame")
    slider.send_keys(*[Keys.ARROW_RIGHT] * 7)
    small, held = pixels(browser), pixels(browser, 1)
    browser.find_element("css selector", "#gain option[value='5']").click()
    assert pixels(browser) != small
    browser.find_element("css selector", "#gain option[value='1']").click()
    assert pixels(browser) == small
    browser.find_element("id", "loop").click()
    browser.find_element("css selector", "#speed option[value='0.5']").click()
    browser.find_element("id", "play").click()
    until(lambda: "Play" in browser.find_element("id", "play").text)
    assert frame_shown(browser) == 19 and pixels(browser, 1) != held, "the ended clip says so"
    browser.find_element("id", "play").click()
    until(lambda: frame_shown(browser) < 19)


def test_browser_names_the_joint_under_the_pointer(opened):
    from selenium.webdriver import ActionChains

    clip = np.full((4, 17, 3), np.nan)
    clip[:, H36M.joints.index("R_Wrist")] = [0.1, -0.2, 3.0]
    browser = opened(player(clip, autoplay=True).html)
    until(lambda: frame_shown(browser) > 0)
    canvas = browser.find_element("css selector", "canvas")
    ActionChains(browser).move_to_element(canvas).perform()
    until(lambda: "R_Wrist: x 0.1000, y -0.2000, z 3.0000 m" in browser.find_element("id", "where").text)


def test_browser_runs_nothing_from_titles_and_joints(opened):
    named = Skeleton("odd", (HOSTILE, *H36M.joints[1:]), H36M.parents, H36M.mirror, H36M.parts)
    browser = opened(player(waving(3), HOSTILE, named).html)
    caption = browser.find_element("css selector", "figcaption")
    assert caption.get_attribute("textContent") == HOSTILE
    assert browser.find_elements("css selector", "img") == [] and coloured(browser) > 300
    assert browser.execute_script("return document.title") == "Skeleton player"
    assert browser.execute_script("try { return parent.document.title } catch { return 'out of reach' }") == "out of reach"


def test_browser_draws_whole_bodies_in_the_dark(opened, browser):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    opened(player([waving(10, WHOLE)] * 8, skeleton=WHOLE, height=150).html)
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert max(map(int, re.findall(r"\d+", background))) < 60
    assert len(browser.find_elements("css selector", "canvas")) == 8 and all(coloured(browser, i) > 100 for i in range(8))
    assert browser.execute_script("return document.documentElement.scrollHeight <= innerHeight"), "the frame holds all without a scroll bar"
