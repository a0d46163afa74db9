"""The player in a browser, the poses inside it, GIF files frame by frame, and drawn poses."""

import itertools
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import until
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mbnb.files import PACKAGE, InputError
from mbnb.show.cards import SCRIPTS
from mbnb.show.page import page_script
from mbnb.show.player import draw_pose, player, project, save_gif
from mbnb.show.timeline import Timeline
from mbnb.skeleton import Skeleton, load_skeleton

H36M, WHOLE = load_skeleton(), load_skeleton("wholebody44")
HOSTILE = (
    "</script><script>document.title='owned'</script>"
    '"><img src=x onerror="alert(\'1\')">&quot;\u2028${1}`'
)


def waving(frames: int = 60, skeleton: Skeleton = H36M) -> np.ndarray:
    """(T, J, 3): a left wrist that swings 20 cm either way, three metres away.

    All other joints stand still at random places within a body's size.
    """
    low, high = [-0.4, -0.8, 2.8], [0.4, 0.8, 3.2]
    pose = np.random.default_rng(0).uniform(low, high, (len(skeleton), 3))
    clip = pose + np.zeros((frames, 1, 1))
    clip[:, skeleton.joints.index("L_Wrist"), 0] += 0.2 * np.sin(2 * np.pi * np.arange(frames) / 30)
    return clip


def poses_of(view) -> list[np.ndarray]:
    """The (T, J, 3) arrays that a player holds, read as `player.js` reads them."""
    about, joints = view.data["clips"], len(view.data["scene"]["joints"])
    low, high = (
        np.frombuffer(zlib.decompress(view.poses), np.uint8).reshape(2, -1).astype(np.uint16)
    )
    folded = low | high << 8
    steps = (folded >> 1).astype(np.int16) ^ -(folded & 1).astype(np.int16)
    poses, at = [], 0
    for length, centre, scale in zip(about["length"], about["centre"], about["scale"], strict=True):
        counts = (
            steps[at : at + 3 * joints * length]
            .reshape(joints, 3, length)
            .cumsum(-1, dtype=np.int16)
            .transpose(2, 0, 1)
        )  # (J, 3, T) -> (T, J, 3)
        poses.append(np.where(counts == -32768, np.nan, counts * scale + centre))
        at += counts.size
    assert at == len(steps)
    return poses


def page_of(view) -> str:
    return view.fragment() + page_script(view.scripts, view.mount)


@pytest.mark.parametrize("name", ["kinder_gator", "ui_prmd"])
def test_player_holds_real_poses_to_a_tenth_of_a_millimetre(name, shared):
    with np.load(shared / "real" / f"{name}.npz") as data:
        clip = data["frames"][data["offsets"][3] : data["offsets"][4]]  # (T, 17, 3)
    (held,) = poses_of(player(clip))
    assert np.abs(held - clip).max() < 1e-4


def test_player_holds_clips_of_unequal_lengths_and_missing_joints():
    first, second = waving(60), waving(25) + [9.0, 0, 0]
    first[10:20, 3] = np.nan
    second[5, 2, 1] = np.nan
    held = poses_of(player([first, second], ["a", "b"], fps=np.float32(25)))
    assert [len(clip) for clip in held] == [60, 25]
    np.testing.assert_allclose(held[0], first, atol=1e-4)
    assert np.isnan(held[1][5, 2]).all() and np.isnan(held[1]).sum() == 3
    assert np.nanmax(np.abs(held[1] - second)) < 1e-4


def test_player_holds_a_clip_that_was_never_seen():
    (held,) = poses_of(player(np.full((3, 17, 3), np.nan)))
    assert np.isnan(held).all()


def test_player_keeps_wide_and_fast_clips():
    clip = waving(40)
    # As wrong as tracking gets: wider than 16 bits count in steps of a tenth of a millimetre.
    clip[20:, 5] += 30.0
    (held,) = poses_of(player(clip))
    assert np.abs(held - clip).max() < 1e-3


def test_player_is_small_and_asks_for_nothing():
    short, long = (len(player(waving(frames)).fragment()) for frames in (60, 120))
    assert long - short < 4_000
    for names, most in ((SCRIPTS, 70_000), (Timeline.scripts, 80_000)):
        assert sum((PACKAGE / "show" / "web" / name).stat().st_size for name in names) < most
    assert "http" not in page_of(player(waving(60))).lower()


def test_a_notebook_that_is_not_trusted_shows_a_picture_and_says_why():
    bundle, _ = player([waving(60), waving(60)], ["one <b>", "two"])._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert (
        'src="data:image/png;base64,' in bundle["text/html"]
        and "not trusted" in bundle["text/html"]
    )
    assert "one &lt;b&gt;" in bundle["text/html"] and "<script" not in bundle["text/html"]


def test_player_of_a_whole_body_keeps_bones_and_sides():
    scene = player(waving(10, WHOLE), skeleton=WHOLE, highlight=["L_Index", "head", "face"]).data[
        "scene"
    ]
    assert scene["joints"][WHOLE.joints.index("L_Index")] == "L_Index"
    assert (
        len(scene["bones"]) == 43
        and scene["sides"].count("left") == scene["sides"].count("right") > 15
    )
    assert scene["small"].count(True) == 20 and not scene["small"][WHOLE.joints.index("Nose")]
    hands = [[scene["joints"][j] for j in hand] for hand in scene["hands"]]
    assert [hand[0] for hand in hands] == ["L_Wrist", "R_Wrist"]
    assert all({f"{side}_Thumb", f"{side}_Hand"} <= {*hand} for side, hand in zip("LR", hands))
    assert not player(waving(10)).data["scene"]["hands"]
    marked = {scene["joints"][j] for j in scene["marked"]}
    assert {"L_Index", "Nose", "Chin"} <= marked and "R_Wrist" not in marked


def test_hostile_titles_stay_text():
    fragment = player([waving(3), waving(3)], [HOSTILE, "plain"]).fragment()
    payload = re.fullmatch(
        r'<div [^>]*><script type="application/json">(.*)</script></div>', fragment
    )[1]
    assert json.loads(payload)["data"]["clips"]["title"][0] == HOSTILE
    assert "<" not in payload


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: player(waving(5)[:, :12]), r"clip 0.*\(frames, 17, 3\).*h36m17.*\(5, 12, 3\)"),
        (lambda: player([waving(5), waving(5)[:0]]), "clip 1"),
        (lambda: player([waving(5)] * 2, ["one"]), "2 clips and 1 titles"),
        (lambda: player([]), "0 clips"),
        (lambda: player([waving(5)] * 2, weights=[np.ones(17)]), "weights.*2 clips, found 1"),
        (lambda: player(waving(5), highlight=["Tail"]), "Tail.*h36m17.*L_Wrist"),
        (lambda: save_gif(waving(5, WHOLE), "no.gif"), r"\(5, 44, 3\)"),
    ],
)
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


@pytest.mark.parametrize(
    ("fps", "step", "count"), [(30, 2, 30), (25, 1, 60), (30, 7, 9), (120, 1, 20)]
)
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


def test_angles_turn_as_they_say():
    near, head = np.array([[0.0, 0, -1]]), np.array([[0.0, -1, 0]])
    np.testing.assert_allclose(project(np.array([[1.0, 2, 3]]), (0, 0)), [[1, -2, 3]])
    assert project(near, (30, 0))[0, 0] > 0.4
    assert project(near, (0, 30))[0, 1] < -0.4
    assert project(head, (0, 30))[0, 1] > 0.8
    np.testing.assert_allclose(
        np.linalg.norm(project(waving(4), (40, -20)), axis=-1), np.linalg.norm(waving(4), axis=-1)
    )


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


def test_browser_plays_scrubs_steps_and_turns(opened):
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    page = opened(page_of(player([waving(60), waving(30)], ["a", "b"])))
    until(lambda: page.coloured() > 300)
    play, slider, canvas = (page.one(name) for name in ("button.play", "input.frame", "canvas"))
    start = page.pixels()
    assert page.frame() == 0 and page.pixels() == start, "it waits on the first frame"
    play.click()
    until(lambda: page.frame() > 5)
    assert page.pixels() != start
    play.click()
    still = page.pixels()
    assert "Play" in play.text and page.pixels() == still

    slider.send_keys(Keys.HOME)
    assert page.pixels() == start
    slider.send_keys(*[Keys.ARROW_RIGHT] * 8)
    page.pixels()
    assert page.frame() == 8 and "frame 8 of 0–59 · 0.27 s" in page.one(".time").text
    canvas.click()
    for key, frame in ((Keys.ARROW_LEFT, 7), (Keys.ARROW_RIGHT, 8), (Keys.ARROW_RIGHT, 9)):
        ActionChains(page.browser).send_keys(key).perform()
        page.pixels()
        assert page.frame() == frame
    ActionChains(page.browser).send_keys(" ").perform()
    until(lambda: page.frame() > 12)
    ActionChains(page.browser).send_keys(" ").perform()
    still = page.pixels()
    assert page.pixels() == still

    slider.send_keys(Keys.HOME)
    page.pixels()
    start, other = page.pixels(), page.pixels(1)
    ActionChains(page.browser).drag_and_drop_by_offset(canvas, 60, 25).move_to_element(
        play
    ).perform()
    assert page.pixels() != start and page.pixels(1) != other, "both clips turn"
    ActionChains(page.browser).double_click(canvas).move_to_element(play).perform()
    assert page.pixels() == start
    over_skeleton = ScrollOrigin.from_element(canvas)
    ActionChains(page.browser).scroll_from_origin(over_skeleton, 0, -300).move_to_element(
        play
    ).perform()
    until(lambda: page.pixels() != start)


def test_browser_enlarges_motion_and_ends_without_loop(opened):
    from selenium.webdriver import Keys

    page = opened(page_of(player([waving(20), waving(8)], fps=60)))
    until(lambda: page.coloured() > 300)
    page.one("input.frame").send_keys(*[Keys.ARROW_RIGHT] * 7)
    small, held = page.pixels(), page.pixels(1)
    page.one(".gain option[value='10']").click()
    assert page.pixels() != small
    page.one(".gain option[value='1']").click()
    assert page.pixels() == small
    page.one("input.loop").click()
    page.one(".speed option[value='0.5']").click()
    page.one("button.play").click()
    until(lambda: "Play" in page.one("button.play").text)
    assert page.frame() == 19 and page.pixels(1) != held, "the ended clip says so"
    page.one("button.play").click()
    until(lambda: page.frame() < 19)


def test_browser_shows_trails_ghosts_importance_and_video(opened):
    from selenium.webdriver import Keys

    weights = np.zeros(17)
    weights[H36M.joints.index("L_Wrist")] = 1
    picture = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="
    page = opened(
        page_of(
            player(
                [waving(30)],
                weights=[weights],
                moments=[np.linspace(0, 1, 30)],
                pictures=[[picture + "#0", picture + "#1", picture + "#2"]],
            )
        )
    )
    until(lambda: page.coloured() > 300)
    page.one("input.frame").send_keys(*[Keys.ARROW_RIGHT] * 11)
    # The middle of the clip is the second of three pictures, from the next painted frame on.
    until(lambda: page.one("img").get_attribute("src").endswith("#1"))
    pictures = {page.pixels()}
    for name in ("trails", "ghost", "heat"):
        page.one(f"input.{name}").click()
        pictures.add(page.pixels())
    assert len(pictures) == 4, "each changes what is seen"
    assert "how much each moment speaks for the answer" in page.one(".about-strip").text
    page.one("canvas.strip").click()
    until(lambda: page.frame() in (14, 15))


def test_browser_names_the_joint_under_the_pointer(opened):
    from selenium.webdriver import ActionChains

    clip = np.full((4, 17, 3), np.nan)
    clip[:, H36M.joints.index("R_Wrist")] = [0.1, -0.2, 3.0]
    page = opened(page_of(player(clip, autoplay=True)))
    until(lambda: page.frame() > 0)
    ActionChains(page.browser).move_to_element(page.one("canvas")).perform()
    until(lambda: "R_Wrist: x 0.1000, y -0.2000, z 3.0000 m" in page.one(".where").text)


def test_browser_runs_nothing_from_titles_and_joints(opened):
    named = Skeleton("odd", (HOSTILE, *H36M.joints[1:]), H36M.parents, H36M.mirror, H36M.parts)
    page = opened(page_of(player(waving(3), HOSTILE, named)))
    until(lambda: page.coloured() > 300)
    assert page.one("figcaption").get_attribute("textContent") == HOSTILE
    assert page.all("img") == [] and page.browser.find_elements("css selector", "img") == []
    assert page.browser.title == "host"


def test_browser_draws_whole_bodies_in_the_dark(opened, browser):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    page = opened(page_of(player([waving(10, WHOLE)] * 8, skeleton=WHOLE, height=150)))
    until(lambda: all(page.coloured(i) > 100 for i in range(8)))
    background = page.run("return getComputedStyle(root.host).backgroundColor")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert max(map(int, re.findall(r"\d+", background))) < 60


@pytest.mark.parametrize("count", [1, 8])
def test_browser_keeps_drawing_many_clips(opened, count):
    page = opened(page_of(player([waving(90)] * count, autoplay=True, height=220)))
    until(lambda: page.frame() > 0)
    drawn = page.run(
        "return new Promise(done => {"
        "const context = CanvasRenderingContext2D.prototype, clear = context.clearRect; let n = 0;"
        "context.clearRect = function (...all) { n++; return clear.apply(this, all) };"
        "setTimeout(() => { context.clearRect = clear; done(n / arguments[0] / 2) }, 2000) })",
        count,
    )
    print(f"{count} clips: {drawn:.0f} frames a second")
    assert drawn > 1, "it plays on"
