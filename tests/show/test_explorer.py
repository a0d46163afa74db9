"""The error explorer: what it knows, what a click shows, and what it asks of Python."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from build import CLASSES, config, data_set, guesses, moving
from conftest import until
from PIL import Image
from show.test_player import HOSTILE, page_of, poses_of

from mbnb.clips import pack
from mbnb.evaluate import Evaluation
from mbnb.evaluate.compare import compare_runs, load_other
from mbnb.files import InputError
from mbnb.show.cards import example_clips, write_class_pages
from mbnb.show.explorer import explain_clips, explore, write_explorer
from mbnb.show.figures import clip_sheet, motion_by_class, motion_by_joint
from mbnb.show.page import pack_poses
from mbnb.show.review import read_review
from mbnb.show.store import clip_store
from mbnb.video.portrait import sample_videos


def worst_cell(evaluation):
    """The most frequent confusion and its clips, the surest first."""
    pair = evaluation.worst_pairs(1).iloc[0]
    clips = evaluation.clips_of(pair.true_id, pair.predicted_id)
    return int(pair.true_id), int(pair.predicted_id), clips


def choose(page, selector, value):
    """Choose a value of a drop-down list as a person does."""
    page.run(
        "const list = root.querySelector(arguments[0]); list.value = arguments[1];"
        "list.dispatchEvent(new Event('change'))",
        selector,
        value,
    )


def press(page, text):
    """Click the first button with that text."""
    page.run(
        "[...root.querySelectorAll('button')].find(b => b.textContent === arguments[0]).click()",
        text,
    )


def test_it_knows_every_clip_and_what_was_said_of_it(guessed):
    config, data, evaluation = guessed
    explorer = explore(config, data, evaluation)
    store, clips = explorer.data, explorer.data["clips"]
    assert clips["name"] == list(evaluation.clips.names)
    assert clips["label"] == evaluation.clips.labels.tolist()
    assert [top[0] for top in clips["top"]] == evaluation.predictions.tolist()
    assert [store["people"][i] for i in clips["person"]] == list(evaluation.clips.subjects)
    likeliest = -np.sort(-evaluation.probabilities, axis=1)[:, :5]
    np.testing.assert_allclose(np.array(clips["p"]), likeliest, atol=1e-4)
    assert sorted(store["order"]["cluster"]) == list(range(len(data.classes)))
    for packed, clip in zip(poses_of(explorer), evaluation.clips, strict=True):
        np.testing.assert_allclose(packed, clip, atol=1e-4)


@pytest.fixture
def few(guessed, monkeypatch):
    """A page that has room for 30 of its 78 clips."""
    monkeypatch.setattr("mbnb.show.explorer.MOST_CLIPS", 30)
    config, data, evaluation = guessed
    return config, data, evaluation, explore(config, data, evaluation)


def test_of_many_clips_it_holds_some_and_counts_all(few):
    config, data, evaluation, explorer = few
    store, names = explorer.data, explorer.data["clips"]["name"]
    assert store["counts"] == evaluation.confusion.tolist()
    place = [evaluation.clips.names.index(name) for name in names]
    assert place == sorted(place) and len(place) == store["scored"] >= 30
    for packed, i in zip(poses_of(explorer), place, strict=True):
        np.testing.assert_allclose(packed, evaluation.clips[i], atol=1e-4)
    examples = [places for places in example_clips(evaluation)]
    for card, wanted in zip(store["cards"], examples, strict=True):
        assert {kind: place[card[kind]] for kind in wanted} == wanted


def test_every_confusion_has_its_surest_clip_where_there_is_room(guessed, monkeypatch):
    config, data, evaluation = guessed
    monkeypatch.setattr("mbnb.show.explorer.example_clips", lambda evaluation: [])
    monkeypatch.setattr("mbnb.show.explorer.MOST_CLIPS", 60)
    # One confusion is far more frequent than all others.
    often = np.flatnonzero(evaluation.correct)[:40]
    labels = evaluation.clips.labels.copy()
    labels[often], predicted = 1, evaluation.predictions.copy()
    predicted[often] = 2
    probabilities = evaluation.probabilities / 2
    probabilities[np.arange(len(labels)), predicted] += np.linspace(0.5, 1, len(labels))
    clips = dataclasses.replace(evaluation.clips, labels=labels)
    many = Evaluation("test", clips, data.classes, probabilities)
    held = explore(config, data, many).held
    cells = {(a, b) for a, b in np.argwhere(many.wrong)}
    assert cells == {(a, b) for a, b in np.argwhere(held.wrong)}
    assert held.confusion[1, 2] < many.confusion[1, 2]
    for true, taken_for in cells:
        first = many.clips.names[many.clips_of(true, taken_for)[0]]
        assert first in held.clips.names


def test_a_note_on_one_of_some_clips_is_on_that_clip(few):
    config, data, _, explorer = few
    explorer._handle_custom_msg({"kind": "note", "clip": 7, "note": "odd", "label": ""}, [])
    assert read_review(config, data.classes) == {
        explorer.data["clips"]["name"][7]: {"note": "odd", "label": ""}
    }


def test_a_page_says_how_many_clips_it_holds_and_of_how_many(few, opened):
    _, data, evaluation, explorer = few
    page, held = opened(page_of(explorer)), explorer.held
    said = page.run("return root.textContent")
    assert f"This page holds {len(held.clips)} of 78 clips" in said
    right, number = int(evaluation.correct.sum()), f"{len(held.clips)} of them on this page"
    assert page.one(".count").text == f"78 of 78 clips, {right} right; {number}"
    here = evaluation.confusion.diagonal() - held.confusion.diagonal()
    true = int(here.argmax())
    page.click_cell(true, true)
    count, shown = evaluation.confusion[true, true], held.confusion[true, true]
    heading = (
        f"{data.classes.titles[true]}, recognised: {count} clips, {shown} of them on this page"
    )
    until(lambda: page.one("section.detail h3").text == heading)
    person = sorted(set(held.clips.subjects))[0]
    of_person = np.array(held.clips.subjects) == person
    choose(page, ".filter-person", person)
    right = held.correct[of_person].sum()
    wanted = f"{of_person.sum()} of {len(held.clips)} clips on this page, {right} right"
    assert page.one(".count").text == wanted


def test_confused_classes_stand_together_when_clustered(guessed):
    config, data, evaluation = guessed
    labels = evaluation.clips.labels
    predicted = np.where(labels == 3, 40, np.where(labels == 40, 3, labels))
    muddled = dataclasses.replace(evaluation, probabilities=np.eye(len(data.classes))[predicted])
    order = explore(config, data, muddled).data["order"]["cluster"]
    assert abs(order.index(3) - order.index(40)) == 1


def test_a_run_with_a_network_gets_a_map_and_neighbours_of_training(trained):
    config, data, evaluation = trained
    store = explore(config, data, evaluation).data
    scored, names = store["scored"], store["clips"]["name"]
    assert set(names[scored:]) <= set(data.splits["train"].names)
    assert 0 < len(names) - scored <= scored
    assert store["map"].keys() == {"t-SNE", "PCA"}
    for points in store["map"].values():
        assert len(points) == len(names)
        assert all(0 <= value <= 1 for point in points for value in point)
    assert all(store["neighbours"]), "each clip has at least its nearest"
    for neighbours in store["neighbours"]:
        cosines = [cosine for _, cosine in neighbours]
        assert cosines == sorted(cosines, reverse=True)
        assert all(scored <= i < len(names) for i, _ in neighbours)
    people = evaluation.clips.subjects
    for place, alike in enumerate(store["alike"]):
        assert len(alike) == 3 and all(people[i] != people[place] for i, _ in alike)
    assert "map" not in explore(config, data, evaluation, mapped=False).data


def test_the_clips_on_cards_and_errors_are_explained_in_advance(trained):
    config, data, evaluation = trained
    store = explore(config, data, evaluation, explain_clips(config, data, evaluation)).data
    assert len(store["importance"]) == config.explained == 10
    for i, importance in store["importance"].items():
        assert max(importance["joints"]) == 255
        assert len(importance["frames"]) == evaluation.clips.lengths[i]
    on_cards = {
        card[kind] for card in store["cards"] for kind in ("typical", "wrong") & card.keys()
    }
    assert on_cards & store["importance"].keys()
    wrong = {card["wrong"] for card in store["cards"] if "wrong" in card}
    assert wrong <= set(np.flatnonzero(~evaluation.correct).tolist())


def test_many_frames_are_thinned_and_importance_with_them(trained, monkeypatch):
    config, data, evaluation = trained
    monkeypatch.setattr("mbnb.show.store.MOST_FRAMES", int(evaluation.clips.lengths.sum()) // 2)
    store = explore(config, data, evaluation, explain_clips(config, data, evaluation)).data
    assert store["every"] > 2
    assert store["scene"]["fps"] == pytest.approx(30 / store["every"])
    for i, importance in store["importance"].items():
        assert len(importance["frames"]) == store["clips"]["length"][i]


def test_the_video_of_a_clip_stands_beside_it_when_asked(guessed, tmp_path):
    config, data, evaluation = guessed
    names, folder = evaluation.clips.names, tmp_path / "videos"
    for source in sample_videos(folder, seconds=0.5):
        source.path.rename(source.path.with_stem(names[2]))
    with_videos = dataclasses.replace(config, videos=str(folder))
    explorer, replies = explore(with_videos, data, evaluation), []
    explorer.send = replies.append
    for clip in (2, 3):
        explorer._handle_custom_msg({"kind": "video", "clip": clip}, [])
    assert explorer.data["videos"]
    pictures, problem = replies
    assert f"expected a video named {names[3]}" in problem.pop("problem")
    assert problem == {"kind": "video", "clip": 3}
    assert len(pictures["pictures"]) in (5, 6)  # ten a second
    kind, _, content = pictures["pictures"][0].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).height == 240

    # Nobody has said where the head is in these videos.
    blurred = explore(dataclasses.replace(with_videos, faces="blur"), data, evaluation)
    blurred.send = replies.append
    blurred._handle_custom_msg({"kind": "video", "clip": 2}, [])
    assert "left out by the setting faces, 'blur'" in replies[-1]["problem"]


def test_two_runs_on_the_same_clips_in_another_order(guessed):
    config, data, evaluation = guessed
    clips, classes = evaluation.clips, data.classes
    right = np.eye(len(classes))[clips.labels]
    shuffle = np.random.default_rng(1).permutation(len(clips))
    other = Evaluation("test", clips.take(shuffle), classes, right[shuffle])
    wrong = int((~evaluation.correct).sum())
    table = compare_runs(evaluation, other)
    assert table.loc["all", ["clips", "gained", "lost"]].tolist() == [len(clips), 0, wrong]
    assert table.loc["all", "p"] < 1e-4
    by_region = table.drop(index="all")[["clips", "lost"]]
    assert by_region.sum().tolist() == [len(clips), wrong]
    by_class = compare_runs(evaluation, other, "class")
    assert by_class["lost"].drop(index="all").sum() == wrong
    assert by_class.loc["all", "low"] < 0
    explorer = explore(config, data, evaluation, against=("perfect", other))
    assert explorer.data["against"] == {"name": "perfect", "predicted": clips.labels.tolist()}
    first = np.arange(5)
    fewer = Evaluation("test", clips.take(first), classes, evaluation.probabilities[first])
    with pytest.raises(InputError, match="the same clips, found 78 and 5, of which 5"):
        compare_runs(evaluation, fewer)


def test_without_another_run_it_is_the_linear_model(trained):
    config, data, evaluation = trained
    name, other = load_other(config, data)
    assert name == "tiny_linear"
    assert other.clips.names == evaluation.clips.names
    linear = dataclasses.replace(config, run=name)
    metrics = json.loads(linear.folder.metrics.read_text())
    assert metrics["members"] == {"linear": 1.0}
    again, same = load_other(dataclasses.replace(config, against=name), data)
    assert again == name
    assert np.allclose(same.probabilities, other.probabilities, atol=1e-5)
    with pytest.raises(InputError, match="no run 'nowhere'"):
        load_other(dataclasses.replace(config, against="nowhere"), data)


def test_a_click_shows_the_clips_of_a_cell_and_they_move(guessed, opened):
    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    titles = data.classes.titles
    true, predicted, clips = worst_cell(evaluation)
    page.click_cell(true, predicted)
    counted = "1 clip" if len(clips) == 1 else f"{len(clips)} clips"
    heading = f"{titles[true]} taken for {titles[predicted]}: {counted}"
    until(lambda: page.one("section.detail h3").text == heading)
    first = page.all("section.detail figure")[0].text
    assert evaluation.clips.names[clips[0]] in first
    assert f"{round(100 * evaluation.probabilities[clips[0], predicted])} %" in first
    assert "with people" not in first
    until(lambda: page.coloured() > 100)
    start = page.pixels()
    page.one("section.detail button.play").click()
    until(lambda: page.frame() > 3)
    assert page.pixels() != start


def test_a_page_says_that_it_keeps_no_note_and_offers_it(guessed, opened):
    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    true, predicted, clips = worst_cell(evaluation)
    page.click_cell(true, predicted)
    until(lambda: page.all("input.note"))
    page.one("input.note").send_keys("mislabelled?\t")
    until(lambda: "review.csv" in page.one(".unsaved").text)
    review = page.all(".tabs button")[-1]
    assert review.text == "Review (1)"
    review.click()
    # Read at once, since the table is drawn anew while notes are kept.
    text = "return root.querySelector('table.notes')?.textContent ?? ''"
    until(lambda: evaluation.clips.names[clips[0]] in page.run(text))
    assert "mislabelled?" in page.run(text)


def test_what_the_people_stage_makes_of_a_clip_stands_below_it(guessed, opened):
    """Everything else, the matrix too, is clip by clip."""
    config, data, evaluation = guessed
    right = np.eye(len(data.classes))[evaluation.clips.labels]
    evaluation = dataclasses.replace(evaluation, adapted=right, steps=("adapt",))
    page = opened(page_of(explore(config, data, evaluation)))
    true, predicted, clips = worst_cell(evaluation)
    page.click_cell(true, predicted)
    until(lambda: page.all("section.detail .adapted"))
    code = data.classes.codes[true]
    assert page.one(".adapted").text == f"with people’s other clips (adapt): {code}"
    assert len(clips) == evaluation.confusion[true, predicted]


def test_an_explained_clip_says_what_its_explanation_leaves_out(trained, opened):
    config, data, evaluation = trained
    true, predicted, clips = worst_cell(evaluation)
    importance = explain_clips(config, data, evaluation, clips[:1])
    page = opened(page_of(explore(config, data, evaluation, importance, mapped=False)))
    page.click_cell(true, predicted)
    until(lambda: "taken for" in page.one("section.detail h3").text)
    text = page.one("section.detail .why").text
    assert "of the clip alone" in text
    assert "without further views and without the temperature" in text


def test_keys_alone_reach_a_cell(guessed, opened):
    from selenium.webdriver import ActionChains, Keys

    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    page.run("root.querySelector('canvas.matrix').focus()")
    keys = Keys.ARROW_DOWN * 2 + Keys.ARROW_RIGHT * 2
    ActionChains(page.browser).send_keys(keys).perform()
    third = data.classes.by_region[2]
    title, row = data.classes.titles[third], evaluation.confusion[third]
    status = f"true {title} · predicted {title}: {row[third]} of {row.sum()} clips"
    assert status in page.all(".status")[0].text
    ActionChains(page.browser).send_keys(Keys.ENTER).perform()
    heading = f"{title}, recognised: {row[third]} clips"
    until(lambda: page.one("section.detail h3").text == heading)


def test_filters_narrow_the_matrix(guessed, opened):
    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    person = sorted(set(evaluation.clips.subjects))[1]
    of_person = np.array(evaluation.clips.subjects) == person
    choose(page, ".filter-person", person)
    right = evaluation.correct[of_person].sum()
    assert page.one(".count").text == f"{of_person.sum()} of 78 clips, {right} right"
    choose(page, ".filter-outcome", "wrong")
    wrong = (of_person & ~evaluation.correct).sum()
    assert page.one(".count").text == f"{wrong} of 78 clips, 0 right"
    for order in ("id", "name", "errors", "cluster"):
        choose(page, "select[title='order of the classes']", order)
    press(page, "reset")
    true, predicted, _ = worst_cell(evaluation)
    region_of, height = np.array(data.classes.region_ids), page.one("canvas.matrix").size["height"]
    choose(page, ".filter-region", str(region_of[true]))
    page.click_cell(true, predicted)
    until(lambda: f"{data.classes.titles[true]} taken for" in page.one("section.detail h3").text)
    in_region = (region_of[evaluation.clips.labels] == region_of[true]).sum()
    assert page.one(".count").text.startswith(f"{in_region} of 78")
    assert page.one("canvas.matrix").size["height"] < height


def test_a_wrong_clip_stands_beside_right_ones_with_its_true_class(guessed, opened):
    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    codes = data.classes.codes
    true, predicted, clips = worst_cell(evaluation)
    page.click_cell(true, predicted)
    until(lambda: len(page.all("section.detail figure")) >= 2)
    captions = [one.text for one in page.all("section.detail figcaption")]
    assert captions[0] == f"{codes[true]} taken for {codes[predicted]}"
    right = [i for i in (true, predicted) if evaluation.confusion[i, i]]
    compared = [f"to compare: {codes[i]}, recognised" for i in right]
    assert captions[1 : 1 + len(right)] == compared
    guess = page.run("return root.querySelector('section.detail figure .guess.true').innerText")
    share = f"{round(100 * evaluation.probabilities[clips[0], true])} %"
    assert guess.split("\n") == [data.classes.titles[true], share]


def test_class_cards_and_the_map_play_clips(trained, opened):
    from selenium.webdriver import ActionChains

    config, data, evaluation = trained
    page = opened(page_of(explore(config, data, evaluation)))
    tabs = {tab.text.split(" (")[0]: tab for tab in page.all(".tabs button")}
    tabs["Classes"].click()
    page.all("table.classes td button")[4].click()
    until(lambda: data.classes.titles[4] in page.one(".card h3").text)
    until(lambda: page.coloured() > 100)
    tabs["Map"].click()
    canvas = page.one("canvas.map")
    x, y = page.run("return root.explorer.panels.map.at(0)")
    ActionChains(page.browser).move_to_element_with_offset(
        canvas, round(x - canvas.size["width"] / 2), round(y - canvas.size["height"] / 2)
    ).perform()
    until(lambda: page.one(".peek").is_displayed())
    name = page.all(".status")[0].text.split(" · ")[0]
    before = page.pixels()
    until(lambda: page.pixels() != before)
    ActionChains(page.browser).click().perform()
    until(lambda: len(page.all("section.detail figure")) > 1)
    assert name in page.all("section.detail figure")[0].text
    assert "training" in page.all("section.detail figcaption")[1].text


def test_from_a_cell_to_the_nearest_in_training_and_back(trained, opened):
    config, data, evaluation = trained
    page = opened(page_of(explore(config, data, evaluation)))
    page.click_cell(*worst_cell(evaluation)[:2])
    until(lambda: "taken for" in page.one("section.detail h3").text)
    page.click("button.near")
    until(lambda: "Why does it think so" in page.one("section.detail h3").text)
    press(page, "‹ back")
    until(lambda: "taken for" in page.one("section.detail h3").text)
    page.click("button.alike")
    until(lambda: "Like this one" in page.one("section.detail h3").text)
    assert "% alike" in page.all("section.detail figcaption")[1].text


def test_the_page_asks_for_nothing(guessed):
    config, data, evaluation = guessed
    path = write_explorer(config, explore(config, data, evaluation, mapped=False))
    assert "http" not in path.read_text().replace("http-equiv", "")


def test_hostile_names_run_nothing(guessed, opened):
    config, data, evaluation = guessed
    classes = dataclasses.replace(
        data.classes,
        names=(HOSTILE, *data.classes.names[1:]),
        codes=("<i>", *data.classes.codes[1:]),
    )
    names = tuple(f"{HOSTILE}{i}" for i in range(len(evaluation.clips)))
    clips = dataclasses.replace(evaluation.clips, names=names)
    data = dataclasses.replace(data, classes=classes)
    evaluation = Evaluation("test", clips, classes, evaluation.probabilities)
    page = opened(page_of(explore(config, data, evaluation)))
    page.click_cell(0, 0)
    until(lambda: "recognised" in page.one("section.detail h3").text)
    page.one("section.detail button.play").click()
    assert page.all("img") == []
    assert page.browser.title == "host"
    pages = write_class_pages(config, data, evaluation).glob("*.html")
    before_views = [path.read_text().partition('class="mbnb-view"')[0] for path in pages]
    assert "<img" not in "".join(before_views)


def test_joints_that_were_not_seen_are_not_drawn():
    poses = [moving(0, i, 20) for i in range(3)]
    seen = [None, np.ones((20, 17), bool), None]
    seen[1][5:, 13] = False
    whole = pack(poses, "abc", [0, 1, 2], "abc", seen=seen)
    evaluation = Evaluation("test", whole, CLASSES, guesses(whole.labels, 4))
    data = data_set({"train": whole, "test": whole})
    store, packed = clip_store(evaluation, data, config(), np.array([1, 2]), whole)
    expected = pack_poses([whole.drawn(i) for i in (1, 2, 0, 1, 2)])
    assert packed == expected[1] and packed != pack_poses([whole[i] for i in (1, 2, 0, 1, 2)])[1]
    assert store["clips"]["length"] == [20] * 5
    for sheet in (clip_sheet(data, [0, 1, 2]), motion_by_joint(data), motion_by_class(data)):
        sheet.canvas.draw()
