"""The timeline in a browser: what is drawn, what plays, what keys do, and what becomes of edits."""

import json

import build
import numpy as np
import pandas as pd
import pytest
from conftest import Page, until
from run.headless import OUTSIDE, command_line
from show.test_explorer import choose
from show.test_player import HOSTILE, page_of, poses_of

from mbnb.classes import read_classes
from mbnb.coding import read_coding, write_coding
from mbnb.coding.agreement import Coders, disagreements
from mbnb.coding.recordings import Recording
from mbnb.config import Config
from mbnb.files import InputError
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval
from mbnb.show.lanes import MACHINES, OTHERS, OWN
from mbnb.show.timeline import Timeline, open_timeline, timeline
from mbnb.video.portrait import sample_video

FOUND = (
    Interval(0.5, 1.2, "nodding", "head", "anna", MACHINE, 0.9),
    Interval(1.5, 1.9, "touching nose", "hand", "anna", MACHINE, 0.6),
    Interval(2.5, 4.0, "nodding", "head", "anna", MACHINE, 0.5),
    Interval(6.0, 7.0, HOSTILE, "head", "bert", MACHINE, 0.7),
)
OTHER = (
    Interval(0.5, 1.2, "nodding", "Kopf", "anna"),
    Interval(2.4, 4.0, "shaking head", "Kopf", "anna"),
)
AT = np.round(np.cumsum([0, *[1 / 30] * 100, *[0.1] * 70]), 4)  # 30 frames a second, then 10


@pytest.fixture(scope="module")
def detected(tmp_path_factory):
    """What a detection leaves of a recording of 10.3 s of two people, one away at first."""
    folder = tmp_path_factory.mktemp("detected") / "film"
    folder.mkdir()
    write_coding([Coding("machine", FOUND)], folder / "machine.eaf")
    write_coding([Coding("bert", OTHER)], folder / "bert.eaf")
    frames = np.concatenate([build.person(0, len(AT)), build.person(1, 60)])
    np.savez(
        folder / "poses.npz",
        frames=frames,
        times=np.concatenate([AT, AT[-60:]]),
        offsets=[0, len(AT), len(frames)],
        clip_names=["film", "film_2"],
        subject=["anna", "bert"],
    )
    steps = np.arange(0.1, 10, 0.2)
    table = pd.DataFrame({"time": steps, "nodding": 0.05, "touching nose": 0.02, "nothing": 0.9})
    table.loc[(steps > 0.5) & (steps < 1.2), "nodding"] = 0.8
    table.loc[(steps > 2.5) & (steps < 4.0), ["nodding", "touching nose"]] = 0.2, 0.7
    table.to_csv(folder / "predictions.csv", index=False)
    sample_video(folder / "film.mp4", seconds=2)
    (folder / "detection.json").write_text(json.dumps({"video": "film.mp4"}))
    return folder


@pytest.fixture(scope="module")
def page_file(detected):
    """The page of it beside another coder's file, as the command writes it."""
    page = detected.parent / "pages" / "film.html"
    asked = ("--human", detected / "bert.eaf", "--out", page)
    done = command_line("timeline", detected.parent, "--recording", "film", *asked)
    assert done.exit_code == 0, done.output
    said = "6 segments on 4 lanes; 3 differences; skeletons of anna, bert; with its video"
    assert f"film.html: {said}" in done.output
    return page


class Lanes(Page):
    """A timeline in an opened page."""

    def __init__(self, browser):
        super().__init__(browser)
        until(lambda: self.run("return root.timeline?.ready === true"))

    def of(self, script):
        """What a script finds that knows the timeline's parts."""
        return self.run(f"const {{ data, state, store, clock, panel }} = root.timeline; {script}")

    def edits(self):
        return self.of("return store.content().edits")

    def pointer(self, item, kind, edge=None):
        """An ActionChain that stands on the box of a segment, or on its `left` or `right` edge."""
        from selenium.webdriver import ActionChains

        box = self.of(f"return panel.at(store.items[{item}], {kind})")
        x = box[edge] if edge else (box["left"] + box["right"]) / 2
        canvas = self.one("canvas.lanes")
        self.browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas)
        middle = canvas.size["width"] / 2, canvas.size["height"] / 2
        chain = ActionChains(self.browser, duration=20)
        return chain.move_to_element_with_offset(
            canvas, round(x - middle[0]), round(box["y"] - middle[1])
        )

    def keys(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def painted(self):
        """How many pixels of the lanes have a colour."""
        return self.run(
            "const c = root.querySelector('canvas.lanes'),"
            " copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0); const d = copy.getImageData(0, 0, c.width, c.height).data;"
            "let n = 0; for (let i = 0; i < d.length; i += 4)"
            " n += d[i + 3] > 200 && Math.max(d[i], d[i + 1], d[i + 2])"
            " - Math.min(d[i], d[i + 1], d[i + 2]) > 25; return n"
        )


@pytest.fixture
def film(page_file, opened, browser):
    """The page as nobody has touched it yet; its console must be silent."""
    browser.get(page_file.as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get(page_file.as_uri())
    return Lanes(browser)


def test_lanes_people_and_video_are_there_and_a_click_plays_a_segment(film, page_file):
    assert not OUTSIDE.findall(page_file.read_text())
    assert film.of("return data.lanes") == [
        {"person": "anna", "tier": "head"},
        {"person": "anna", "tier": "hand"},
        {"person": "anna", "tier": "Kopf"},
        {"person": "bert", "tier": "head"},
    ]
    until(lambda: film.painted() > 3000)
    until(lambda: film.coloured(0) > 100)
    assert film.coloured(1) == 0, "bert comes later"
    assert film.run("return root.querySelector('video').readyState > 0")
    standing = film.pixels()
    film.of("clock.speed(0.5)")
    film.pointer(0, MACHINES).click().perform()
    until(lambda: film.of("return clock.playing() && clock.now() > 0.6"))
    shown, filmed = film.of("return [clock.now(), root.querySelector('video').currentTime]")
    assert abs(shown - filmed) < 0.2
    assert film.pixels() != standing
    until(lambda: not film.of("return clock.playing()"))
    assert film.of("return clock.now()") == 1.2, "it stops where the segment ends"
    assert film.run("return root.querySelector('video').paused")
    chosen = film.one("section.chosen").text
    assert "nodding" in chosen and "machine, sure 90 % · not looked at yet" in chosen
    assert "likeliest here: nodding 80 %" in chosen
    film.of("clock.seek(9)")  # behind the video
    until(lambda: film.coloured(1) > 100)
    film.of("clock.play(true)")
    until(lambda: film.of("return clock.now()") > 9.2)


def test_keys_alone_correct_and_what_is_kept_outlasts_the_page(film, page_file, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    film.run("root.querySelector('canvas.lanes').focus()")
    film.keys(Keys.ARROW_DOWN, "a", Keys.ARROW_DOWN, "x", Keys.ARROW_DOWN, "r", "touch")
    until(lambda: film.all(".relabel li"))
    assert [one.text for one in film.all(".relabel li")] == ["touching nose", "new label: touch"]
    film.keys(Keys.ENTER, "e", Keys.ARROW_LEFT * 2, Keys.ESCAPE)
    film.keys("0", "u")
    assert film.of("return data.labels[state.selected.label]") == HOSTILE
    film.keys("r", "a <b>", Keys.ENTER)
    first, third, second, fourth = film.edits()  # tier by tier, as the file has them
    assert (first["verdict"], second["verdict"]) == ("accepted", "rejected")
    known = {"label": "touching nose", "tier": "hand", "person": "anna", "verdict": "changed"}
    # Two frames, a tenth of a second each, before the frame at 4.0.
    assert third == third | known | {"start": 2.5, "end": pytest.approx(AT[AT < 3.9][-1], abs=0.11)}
    assert third["end"] in AT and 3.7 < third["end"] < 3.95
    assert (fourth["label"], fourth["person"]) == ("a <b>", "bert")
    ActionChains(film.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    assert len(film.edits()) == 3
    ActionChains(film.browser).key_down(Keys.CONTROL).send_keys("y").key_up(Keys.CONTROL).perform()
    film.of("clock.seek(8)")
    film.keys("i", "new one", Keys.ENTER)
    edits = film.edits()
    assert edits[3]["label"] == "a <b>"
    assert edits[4] == edits[4] | {"verdict": "added", "label": "new one", "start": 8.0333}
    until(lambda: "kept in this browser" in film.one(".outcome").text)
    film.browser.get(page_file.as_uri())
    film = Lanes(film.browser)
    assert film.edits() == edits
    assert "5 edits from this browser" in film.one(".outcome").text
    folder = {"behavior": "allow", "downloadPath": str(tmp_path)}
    film.browser.execute_cdp_cmd("Page.setDownloadBehavior", folder)
    film.click("button.download")
    path = tmp_path / "film_edits.json"
    until(path.exists)
    machine = page_file.parent.parent / "film" / "machine.eaf"
    asked = ("coding", machine, "--edits", path, "--to", tmp_path / "film.eaf")
    done = command_line(*asked)
    assert done.exit_code == 0, done.output
    corrected = read_coding(tmp_path / "film.eaf")
    about = [(one.start, one.label, one.tier, one.person, one.origin) for one in corrected]
    assert sorted(about) == [
        (0.5, "nodding", "head", "anna", HUMAN),
        (2.5, "touching nose", "hand", "anna", HUMAN),
        (6.0, "a <b>", "head", "bert", HUMAN),
        (8.033, "new one", "head", "bert", HUMAN),
    ]
    cut = ("cut", tmp_path / "film.eaf", machine.with_name("poses.npz"), tmp_path / "clips")
    clips = command_line(*cut, "--person", "anna", "--origin", "human")
    assert clips.exit_code == 0, clips.output


def test_a_border_is_dragged_and_the_wheel_zooms_to_a_second(film):
    from selenium.webdriver.common.action_chains import ScrollOrigin

    whole = film.of("return panel.at(store.items[1], 0)")
    film.pointer(1, MACHINES, "right").click_and_hold().move_by_offset(60, 0).release().perform()
    (edit,) = film.edits()
    a_second = (whole["right"] - whole["left"]) / 1.5
    assert edit["verdict"] == "changed" and edit["start"] == 2.5
    assert edit["end"] == pytest.approx(4.0 + 60 / a_second, abs=0.06) and edit["end"] in AT
    chain = film.pointer(0, MACHINES).click()
    origin = ScrollOrigin.from_element(film.one("canvas.lanes"), -300)
    for _ in range(12):
        chain.scroll_from_origin(origin, 0, -300)
    chain.perform()
    until(lambda: film.of("return panel.view.to - panel.view.from") < 1)
    film.of("panel.show(2, 3)")
    box = film.of("return panel.at(store.items[1], 1)")
    assert box["right"] - box["left"] > 1000, "now it is wider than the screen"
    film.of("panel.show(0, data.length)")
    film.of("panel.canvas.dispatchEvent(new Event('blur'))")
    before = film.of("return panel.view.from")
    film.pointer(2, MACHINES).move_by_offset(20, 40).click_and_hold().move_by_offset(9, 0).perform()
    assert film.of("return panel.view.from") == before == 0
    film.pointer(1, OWN).release().perform()


def test_moments_where_two_differ_are_a_playlist(film, page_file):
    film.run("root.querySelector('canvas.lanes').focus()")
    film.keys("n")
    until(lambda: film.one(".said").text.startswith("1 of 3"))
    assert film.one(".said").text == (
        "1 of 3 · 0:01.500 · anna · bert: nothing · film: touching nose · only film"
    )
    assert film.of("return state.selected === store.items[2]")
    until(lambda: film.of("return clock.now()") == 1.9)  # it has been played
    film.keys("p", "p")
    said = "2 of 3 · 0:02.400 · anna · bert: shaking head · film: nodding · another label"
    until(lambda: film.one(".said").text == said)
    first, last = film.of("return [panel.view.from, panel.view.to]")
    assert first < 2.4 and last > 4.0
    choose(film, "select.kind", "only film")
    until(lambda: film.one(".said").text.startswith("1 of 2 · 0:01.500"))
    assert film.of(f"return panel.at(store.items[5], {OTHERS}) !== undefined")


def test_hostile_labels_stay_text(film):
    film.pointer(3, MACHINES).click().perform()
    until(lambda: film.one("section.chosen h3").text)
    assert film.run("return root.querySelector('.chosen h3').textContent") == HOSTILE
    assert film.browser.title == "film, timeline" and not film.all("img")


def test_a_notebook_keeps_edits_in_the_folder_of_the_recording(detected):
    view, replies = open_timeline(detected, Config()), []
    view.send = replies.append
    assert isinstance(view, Timeline) and view.edits == {}
    name = view.data["segments"]["name"][0]
    entry = {"segment": name, "verdict": "accepted", "start": 0.5, "end": 1.2}
    entry |= {"label": "nodding", "tier": "head", "person": "anna"}
    content = {"format": "mbnb edits", "version": 1, "recording": "film", "length": 10.3}
    message = {"kind": "edits", "ask": 1, "edits": content | {"edits": [entry]}}
    view._handle_custom_msg(message, [])
    path = detected / "film_edits.json"
    assert replies == [{"kind": "edits", "ask": 1, "text": f"saved in {path}"}]
    assert open_timeline(detected, Config()).edits == message["edits"]
    assert open_timeline(detected, Config.of({"faces": "leave_out"})).video is None
    wrong = content | {"edits": [entry | {"start": 5}]}
    view._handle_custom_msg({"kind": "edits", "ask": 2, "edits": wrong}, [])
    assert "edit 1: expected 0 ≤ start ≤ end" in replies[1]["problem"]
    assert json.loads(path.read_text()) == message["edits"], "what was kept stays"
    path.write_text("{}")
    with pytest.raises(InputError, match="film_edits.json: expected edits of a timeline"):
        open_timeline(detected, Config())
    path.unlink()


def test_people_share_one_axis_of_time_and_are_held_to_a_millimetre():
    pose, away = build.person(0, len(AT)), slice(40, 90)
    other = Recording("film", build.person(1, len(AT))[away], AT[away] + 0.002, "bert")
    view = timeline(Coding("film", FOUND), [Recording("film", pose, AT, "anna"), other])
    tracks = view.data["tracks"]
    assert tracks["people"] == ["anna", "bert"] and tracks["frames"] == len(AT)
    view.data["clips"] = tracks["stretches"]
    anna, bert = poses_of(view)
    assert np.abs(anna - pose).max() < 1e-3
    assert np.isnan(bert[:40]).all() and np.isnan(bert[90:]).all()
    assert np.abs(bert[away] - other.pose).max() < 1e-3


def test_long_recordings_take_little_and_are_thinned_beyond_a_bound(monkeypatch):
    person = Recording("film", build.person(0, 3000), np.arange(3000) / 30)
    whole = timeline(Coding("film", FOUND), [person])
    assert len(whole.poses) < 1.2 * person.pose.size, "bytes for each number"
    assert whole.data["tracks"]["frames"] == 3000
    monkeypatch.setattr("mbnb.show.lanes.MOST_PLACES", 17 * 1000)
    tracks = timeline(Coding("film", FOUND), [person]).data["tracks"]
    assert (tracks["frames"], tracks["every"], tracks["step"]) == (1000, 3, pytest.approx(0.1))
    with pytest.raises(InputError, match="film: lasts 277:46:40.000: is a time wrong"):
        timeline(Coding("film", (Interval(0, 1e6, "nodding"),)))


def test_the_playlist_is_what_agree_writes():
    coding, against = Coding("film", FOUND), Coding("bert", OTHER)
    moments = timeline(coding, against=against).data["playlist"]
    table = disagreements(Coders({"bert": [against], "film": [coding]}))
    assert [one["kind"] for one in moments] == table["kind"].tolist()
    assert [one["start"] for one in moments] == table["start"].tolist()
    both = Coding("film", (*FOUND, *OTHER))
    assert [one["start"] for one in timeline(both).data["playlist"]] == table["start"].tolist()
    assert timeline(coding).data["playlist"] == []
    # Two spellings of one class of the table are no difference.
    spelled = Coding("bert", (Interval(0.5, 1.2, "B9"),))
    once = Coding("film", FOUND[:1])
    assert timeline(once, against=spelled, classes=read_classes("ma52")).data["playlist"] == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("{0}", "--tier", "foot"), "--tier foot: not there; there is head, hand"),
        (("{0}", "--human", "none.eaf"), "none.eaf: no such file"),
        (("{0}", "--poses", "{0}/machine.eaf"), "machine.eaf: cannot be read as a video"),
        (("{0}/..", "--recording", "other"), "--recording other: not there; there is film"),
        (("{0}/none",), "none: no such file"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(detected, tmp_path, asked, said):
    words = [word.format(detected) for word in asked]
    refused = command_line("timeline", *words, "--out", tmp_path / "page.html")
    assert refused.exit_code == 2 and said in refused.output, refused.output
    assert not (tmp_path / "page.html").exists()


def test_a_coding_without_anything_else_is_a_page(tmp_path, opened, browser):
    (tmp_path / "film.csv").write_text("start,end,label\n0,1,nodding\n1,inf,to the end\n")
    view = open_timeline(tmp_path / "film.csv", Config())
    opened(page_of(view))
    film = Lanes(browser)
    film.run("root.querySelector('canvas.lanes').focus()")
    film.keys("u", "+")
    assert film.of("return state.selected") is None, "nothing is of a machine"
    assert film.of(f"return panel.at(store.items[1], {OWN}) !== undefined")
    assert not film.all("video") and not film.all("canvas.skeleton")
    assert OTHERS not in view.data["segments"]["source"]
