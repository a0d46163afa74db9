"""The error explorer: what it knows, what a click shows, and what a note becomes."""

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from conftest import until
from PIL import Image
from show.test_player import HOSTILE, poses_of

from mbnb.config import Config
from mbnb.data import dataset
from mbnb.evaluate.ensemble import compare_runs
from mbnb.evaluate.evaluation import Evaluation, evaluate, load_other
from mbnb.explain.embedding import neighbours, project
from mbnb.files import InputError
from mbnb.scores.metrics import f1_intervals
from mbnb.show import review
from mbnb.show.explorer import explain_clips, explore, write_class_pages, write_explorer
from mbnb.show.views import page_script
from mbnb.train.loop import train
from mbnb.video.portrait import sample_videos

TINY = dict(
    epochs=2,
    dim_feat=8,
    dim_rep=8,
    depth=1,
    num_heads=2,
    hidden_dim=16,
    clip_len=8,
    batch_size=64,
    bootstraps=50,
    explained=12,
    simulated_people=7,
    simulated_test_people=3,
    simulated_clips=26,
    convolutions=0,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that was trained for a moment, its data and its evaluation."""
    config = Config.of(TINY, {"outputs": str(tmp_path_factory.mktemp("outputs")), "run": "tiny"})
    data = dataset.load(config)
    train(config, data)
    return config, data, evaluate(config, data)


@pytest.fixture
def guessed(trained, tmp_path):
    """The same data with answers of which a third is wrong, in a run without a model."""
    config, data, evaluation = trained
    config = dataclasses.replace(config, outputs=str(tmp_path), run="guessed", method="rocket")
    rng = np.random.default_rng(0)
    labels = evaluation.clips.labels
    said = np.where(
        rng.random(len(labels)) < 0.33,
        (labels + rng.integers(1, 4, len(labels))) % len(data.classes),
        labels,
    )
    probabilities = rng.dirichlet(np.full(len(data.classes), 0.1), len(labels)) * 0.4
    probabilities[np.arange(len(labels)), said] += 0.6
    return config, data, Evaluation("test", evaluation.clips, data.classes, probabilities)


def page_of(view):
    return view.fragment() + page_script(view.scripts, view.mount)


def worst_cell(evaluation):
    """The most frequent confusion and its clips, the surest first."""
    pair = evaluation.worst_pairs(1).iloc[0]
    return (
        int(pair.true_id),
        int(pair.predicted_id),
        evaluation.clips_of(pair.true_id, pair.predicted_id),
    )


def test_it_knows_every_clip_and_what_was_said_of_it(guessed):
    config, data, evaluation = guessed
    store = explore(config, data, evaluation).data
    clips = store["clips"]
    assert (
        clips["name"] == list(evaluation.clips.names)
        and clips["label"] == evaluation.clips.labels.tolist()
    )
    assert [top[0] for top in clips["top"]] == evaluation.predictions.tolist()
    assert [store["people"][i] for i in clips["person"]] == list(evaluation.clips.subjects)
    np.testing.assert_allclose(
        np.array(clips["p"]), -np.sort(-evaluation.probabilities, axis=1)[:, :5], atol=1e-4
    )
    assert sorted(store["order"]["cluster"]) == list(range(len(data.classes)))
    for held, clip in zip(
        poses_of(explore(config, data, evaluation)), evaluation.clips, strict=True
    ):
        np.testing.assert_allclose(held, clip, atol=1e-4)


def test_confused_classes_stand_together_when_clustered(guessed):
    config, data, evaluation = guessed
    labels = evaluation.clips.labels
    said = np.where(labels == 3, 40, np.where(labels == 40, 3, labels))
    muddled = dataclasses.replace(evaluation, probabilities=np.eye(len(data.classes))[said])
    order = explore(config, data, muddled).data["order"]["cluster"]
    assert abs(order.index(3) - order.index(40)) == 1


def test_cards_say_what_the_confusion_matrix_says(guessed):
    config, data, evaluation = guessed
    cards, table = explore(config, data, evaluation).data["cards"], evaluation.per_class
    for i, (card, row) in enumerate(zip(cards, table.itertuples(), strict=True)):
        assert card["support"] == row.support and (
            card["f1"] is None
            if np.isnan(row.f1)
            else card["f1"] == pytest.approx(row.f1, abs=1e-4)
        )
        assert all(evaluation.confusion[i, other] == count for other, count in card["taken_for"])
        assert all(evaluation.confusion[other, i] == count for other, count in card["false_alarms"])
        assert [count for _, count in card["taken_for"]] == sorted(
            (count for _, count in card["taken_for"]), reverse=True
        )
        if card["low"] is not None:
            assert card["low"] <= card["f1"] + 1e-9 and card["f1"] <= card["high"] + 1e-9
        for key in {"typical", "borderline", "wrong"} & card.keys():
            assert evaluation.clips.labels[card[key]] == i and evaluation.correct[card[key]] == (
                key != "wrong"
            )
        if "borderline" in card:
            sure = evaluation.probabilities.max(1)
            assert sure[card["typical"]] >= sure[card["borderline"]]
    assert max(max(map(max, card["profile"])) for card in cards if card["profile"]) == 255


def test_intervals_of_f1_hold_what_other_people_would_give():
    labels, subjects = np.tile([0, 0, 1, 1], 20), [f"p{i // 4}" for i in range(80)]
    wrong = np.isin(np.arange(80) // 4, range(5)) & (labels == 0)
    bounds = f1_intervals(labels, np.where(wrong, 1, labels), subjects, 3, 500)
    assert bounds[0, 0] < 0.857 < bounds[0, 1] and bounds[0, 1] - bounds[0, 0] < 0.4
    assert np.isnan(bounds[2]).all(), "a class that is nowhere has none"
    assert np.isnan(f1_intervals(labels, labels, ["one"] * 80, 3)).all()


def test_a_run_with_a_model_gets_a_map_and_neighbours_of_training(trained):
    config, data, evaluation = trained
    importance = explain_clips(config, data, evaluation)
    store = explore(config, data, evaluation, importance).data
    scored, names, train_clips = store["scored"], store["clips"]["name"], data.splits["train"]
    assert set(names[scored:]) <= set(train_clips.names) and 0 < len(names) - scored <= scored
    assert all(store["neighbours"]), "each clip has at least its nearest"
    assert {len(points) for points in store["map"].values()} == {len(names)} and {
        "t-SNE",
        "PCA",
    } == store["map"].keys()
    assert all(
        0 <= value <= 1 for points in store["map"].values() for point in points for value in point
    )
    alike = [[cosine for _, cosine in near] for near in store["neighbours"]]
    assert all(row == sorted(row, reverse=True) for row in alike) and all(
        scored <= i < len(names) for near in store["neighbours"] for i, _ in near
    )
    wrong = np.flatnonzero(~evaluation.correct)
    assert len(store["importance"]) == 12 and {
        max(one["joints"]) for one in store["importance"].values()
    } == {255}
    assert {
        i
        for row in explore(config, data, evaluation, mapped=False).data["cards"]
        for k, i in row.items()
        if k == "wrong"
    } <= set(wrong.tolist())
    assert all(
        len(one["frames"]) == evaluation.clips.lengths[i] for i, one in store["importance"].items()
    )


def test_many_frames_are_thinned_and_importance_with_them(trained, monkeypatch):
    config, data, evaluation = trained
    monkeypatch.setattr("mbnb.show.explorer.MOST_FRAMES", int(evaluation.clips.lengths.sum()) // 2)
    store = explore(config, data, evaluation, explain_clips(config, data, evaluation)).data
    assert store["every"] > 2 and store["scene"]["fps"] == pytest.approx(30 / store["every"])
    assert all(
        len(one["frames"]) == store["clips"]["length"][i] for i, one in store["importance"].items()
    )


def test_neighbours_are_the_nearest_and_maps_keep_them_together():
    rng = np.random.default_rng(0)
    centres = np.linalg.qr(rng.normal(size=(16, 16)))[0][:4]
    known, group = (
        (centres[:, None] + 0.05 * rng.normal(size=(4, 10, 16))).reshape(40, 16),
        np.repeat(range(4), 10),
    )  # (4, 10, 16) -> (40, 16)
    found, cosine = neighbours(known + 0.01 * rng.normal(size=known.shape), known)
    assert (
        (found[:, 0] == np.arange(40)).all()
        and (group[found] == group[:, None]).all()
        and (cosine > 0.9).all()
    )
    for points in project(known).values():
        apart = np.linalg.norm(points[:, None] - points, axis=-1)
        assert apart[group[:, None] == group].mean() < 0.3 * apart[group[:, None] != group].mean()
    assert project(known[:2])["PCA"].shape == (2, 2)


def test_notes_are_kept_in_the_run_and_become_labels(guessed):
    config, data, evaluation = guessed
    errors, answers = explore(config, data, evaluation), []
    errors.send = answers.append
    first, second, code = (
        evaluation.clips.names[0],
        evaluation.clips.names[5],
        data.classes.codes[7],
    )
    for clip, note, label in (
        (0, 'bad, "really"\nbad', ""),
        (5, "mislabelled?", code),
        (6, "to go", ""),
        (6, "", ""),
    ):
        errors._handle_custom_msg(
            {"kind": "note", "clip": clip, "ask": clip, "note": note, "label": label}, []
        )
    assert answers == [{"kind": "note", "clip": clip, "ask": clip} for clip in (0, 5, 6, 6)]
    kept = pd.read_csv(config.folder.review, dtype=str, keep_default_na=False)
    assert kept.to_dict("records") == [
        {"clip": first, "note": 'bad, "really"\nbad', "label": ""},
        {"clip": second, "note": "mislabelled?", "label": code},
    ]
    assert (
        explore(config, data, evaluation).notes
        == errors.notes
        == review.read_review(config, data.classes)
    )

    errors._handle_custom_msg({"kind": "relabel"}, [])
    (path,) = config.folder.relabelled.iterdir()
    labels = dict(line.split() for line in path.read_text().splitlines())
    before = dict(zip(evaluation.clips.names, map(str, evaluation.clips.labels)))
    assert path.name == "test_labels.txt" and str(path) in answers[-1]["text"]
    assert labels == before | {second: "7"}


def test_the_video_of_a_clip_stands_beside_it_when_asked(guessed, tmp_path):
    config, data, evaluation = guessed
    for source in sample_videos(tmp_path / "videos", seconds=0.5):
        source.path.rename(source.path.with_stem(evaluation.clips.names[2]))
    errors, answers = (
        explore(dataclasses.replace(config, videos=str(tmp_path / "videos")), data, evaluation),
        [],
    )
    errors.send = answers.append
    for clip in (2, 3):
        errors._handle_custom_msg({"kind": "video", "clip": clip}, [])
    assert (
        errors.data["videos"]
        and f"expected a video named {evaluation.clips.names[3]}" in answers[1].pop("problem")
        and answers[1] == {"kind": "video", "clip": 3}
    )
    assert len(answers[0]["pictures"]) in (5, 6)  # ten a second
    kind, _, content = answers[0]["pictures"][0].partition(",")
    assert (
        kind == "data:image/jpeg;base64"
        and Image.open(io.BytesIO(base64.b64decode(content))).height == 240
    )


def test_better_labels_of_held_out_people_go_back_to_the_split_that_is_stored(trained):
    config, data, _ = trained
    name = data.splits["val"].names[0]
    (path,) = review.write_relabelled(
        config, {name: {"note": "", "label": data.classes.codes[3]}}, "val"
    )
    assert (
        review.write_relabelled(
            config, {name: {"note": "", "label": data.classes.codes[3]}}, "test"
        )
        == []
    ), "a name of training that recurs in test"
    assert path.name == "train_labels.txt"
    labels = dict(line.split() for line in path.read_text().splitlines())
    assert (
        len(labels) == len(data.splits["train"]) + len(data.splits["val"]) and labels[name] == "3"
    )


def test_a_broken_review_is_refused_line_by_line(guessed):
    config, data, _ = guessed
    config.folder.path.mkdir(parents=True)
    config.folder.review.write_text("clip,note,label\na,x,A1\nb,y,Z9\na,z,\n")
    with pytest.raises(
        InputError,
        match=r"line 3: expected the code of a class as label, found 'Z9'\n.*line 4: a stands there already",
    ):
        review.read_review(config, data.classes)


def test_two_runs_on_the_same_clips_in_another_order(guessed):
    config, data, evaluation = guessed
    perfect = dataclasses.replace(
        evaluation, probabilities=np.eye(len(data.classes))[evaluation.clips.labels]
    )
    shuffle = np.random.default_rng(1).permutation(len(evaluation.clips))
    other = Evaluation(
        "test", perfect.clips.take(shuffle), data.classes, perfect.probabilities[shuffle]
    )
    table = compare_runs(evaluation, other)
    wrong = int((~evaluation.correct).sum())
    assert (
        table.loc["all", ["clips", "gained", "lost"]].tolist() == [len(evaluation.clips), 0, wrong]
        and table.loc["all", "p"] < 1e-4
    )
    assert table.drop(index="all")[["clips", "lost"]].sum().tolist() == [
        len(evaluation.clips),
        wrong,
    ]
    by_class = compare_runs(evaluation, other, "class")
    assert by_class["lost"].drop(index="all").sum() == wrong and by_class.loc["all", "low"] < 0
    errors = explore(config, data, evaluation, against=("perfect", other))
    assert errors.data["against"] == {
        "name": "perfect",
        "predicted": evaluation.clips.labels.tolist(),
    }
    with pytest.raises(InputError, match="the same clips, found 78 and 5, of which 5"):
        compare_runs(
            evaluation,
            Evaluation(
                "test",
                evaluation.clips.take(np.arange(5)),
                data.classes,
                evaluation.probabilities[:5],
            ),
        )


def test_without_another_run_it_is_the_linear_model(trained):
    config, data, evaluation = trained
    name, other = load_other(config, data)
    assert name == "tiny_linear" and other.clips.names == evaluation.clips.names
    assert json.loads((config.folder.path.parent / name / "metrics.json").read_text())[
        "members"
    ] == {"linear": 1.0}
    again, same = load_other(dataclasses.replace(config, against=name), data)
    assert again == name and np.allclose(same.probabilities, other.probabilities, atol=1e-5)
    with pytest.raises(InputError, match="no run 'nowhere'"):
        load_other(dataclasses.replace(config, against="nowhere"), data)


def test_a_click_shows_the_clips_of_a_cell_and_they_move(guessed, opened):
    config, data, evaluation = guessed
    evaluation = dataclasses.replace(
        evaluation, alone=np.eye(len(data.classes))[evaluation.clips.labels]
    )  # as if the others' clips had led astray
    page = opened(page_of(explore(config, data, evaluation)))
    true, predicted, clips = worst_cell(evaluation)
    page.click_cell(true, predicted)
    counted = "1 clip" if len(clips) == 1 else f"{len(clips)} clips"
    until(
        lambda: (
            page.one("section.detail h3").text
            == f"{data.classes.titles[true]} taken for {data.classes.titles[predicted]}: {counted}"
        )
    )
    figures = page.all("section.detail figure")
    assert (
        evaluation.clips.names[clips[0]] in figures[0].text
        and f"{evaluation.probabilities[clips[0], predicted]:.0%}".replace("%", " %")
        in figures[0].text
    )
    assert f"judged alone: {data.classes.codes[true]}" in figures[0].text
    until(lambda: page.coloured() > 100)
    start = page.pixels()
    page.one("section.detail button.play").click()
    until(lambda: page.frame() > 3)
    assert page.pixels() != start
    # A page has nobody to keep a note: it says so, and the note is there to take along.
    page.one("input.note").send_keys("mislabelled?\t")
    until(lambda: "review.csv" in page.one(".unsaved").text)
    assert page.all(".tabs button")[-1].text == "Review (1)"
    page.all(".tabs button")[-1].click()
    assert (
        evaluation.clips.names[clips[0]] in page.one("table.notes").text
        and "mislabelled?" in page.one("table.notes").text
    )


def test_keys_alone_reach_a_cell_and_filters_narrow_it(guessed, opened):
    from selenium.webdriver import ActionChains, Keys

    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    keys = lambda *text: ActionChains(page.browser).send_keys(*text).perform()  # noqa: E731
    page.run("root.querySelector('canvas.matrix').focus()")
    keys(Keys.ARROW_DOWN * 2 + Keys.ARROW_RIGHT * 2)
    order, confusion = data.classes.by_region, evaluation.confusion
    here = data.classes.titles[order[2]]
    assert (
        f"true {here} · predicted {here}: {confusion[order[2], order[2]]} of {confusion[order[2]].sum()} clips"
        in page.all(".status")[0].text
    )
    keys(Keys.ENTER)
    until(
        lambda: (
            page.one("section.detail h3").text
            == f"{here}, recognised: {confusion[order[2], order[2]]} clips"
        )
    )

    person = sorted(set(evaluation.clips.subjects))[1]
    own = np.array(evaluation.clips.subjects) == person
    page.run(
        "const s = root.querySelector('.filter-person'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('change'))",
        person,
    )
    assert (
        page.one(".count").text == f"{own.sum()} of 78 clips, {evaluation.correct[own].sum()} right"
    )
    page.run(
        "const s = root.querySelector('.filter-outcome'); s.value = 'wrong'; s.dispatchEvent(new Event('change'))"
    )
    assert page.one(".count").text == f"{(own & ~evaluation.correct).sum()} of 78 clips, 0 right"
    for order_name in ("id", "name", "errors", "cluster"):
        page.run(
            "const s = root.querySelectorAll('.bar select'); const one = [...s].find(x => x.title === 'order of the classes');"
            "one.value = arguments[0]; one.dispatchEvent(new Event('change'))",
            order_name,
        )
    true, predicted, _ = worst_cell(evaluation)
    page.run("[...root.querySelectorAll('button')].find(b => b.textContent === 'reset').click()")
    whole, regions = page.one("canvas.matrix").size["height"], np.array(data.classes.region_ids)
    page.run(
        "const s = root.querySelector('.filter-region'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))",
        str(regions[true]),
    )
    page.click_cell(true, predicted)
    until(lambda: f"{data.classes.titles[true]} taken for" in page.one("section.detail h3").text)
    assert (
        page.one(".count").text.startswith(
            f"{(regions[evaluation.clips.labels] == regions[true]).sum()} of 78"
        )
        and page.one("canvas.matrix").size["height"] < whole
    )


def test_a_wrong_clip_stands_beside_right_ones_with_its_true_class(guessed, opened):
    config, data, evaluation = guessed
    page = opened(page_of(explore(config, data, evaluation)))
    true, predicted, clips = worst_cell(evaluation)
    page.click_cell(true, predicted)
    until(lambda: len(page.all("section.detail figure")) >= 2)
    captions = [one.text for one in page.all("section.detail figcaption")]
    assert captions[0] == f"{data.classes.codes[true]} taken for {data.classes.codes[predicted]}"
    right = [i for i in (true, predicted) if evaluation.confusion[i, i]]
    assert captions[1 : 1 + len(right)] == [
        f"to compare: {data.classes.codes[i]}, recognised" for i in right
    ]
    first = page.run("return root.querySelector('section.detail figure .guess.true').innerText")
    assert first.split("\n") == [
        data.classes.titles[true],
        f"{round(100 * evaluation.probabilities[clips[0], true])} %",
    ]


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
    shown = page.all(".status")[0].text.split(" · ")[0]
    before = page.pixels()
    until(lambda: page.pixels() != before)
    ActionChains(page.browser).click().perform()
    until(lambda: len(page.all("section.detail figure")) > 1)
    assert shown in page.all("section.detail figure")[0].text
    assert "training" in page.all("section.detail figcaption")[1].text
    tabs["Confusion matrix"].click()
    true, predicted, _ = worst_cell(evaluation)
    page.click_cell(true, predicted)
    until(lambda: "taken for" in page.one("section.detail h3").text)
    page.click("button.near")
    until(lambda: "Why does it think so" in page.one("section.detail h3").text)
    page.run(
        "[...root.querySelectorAll('section.detail button')].find(b => b.textContent === '‹ back').click()"
    )
    until(lambda: "taken for" in page.one("section.detail h3").text)


def test_pages_for_classes_stand_alone(guessed, browser):
    from conftest import Page

    config, data, evaluation = guessed
    folder = write_class_pages(config, data, evaluation)
    index = (folder / "index.html").read_text()
    pages = re.findall(r'href="([^"]+\.html)"', index)
    assert len(pages) == (np.bincount(evaluation.clips.labels, minlength=52) > 0).sum() and all(
        (folder / page).exists() for page in pages
    )
    browser.get((folder / pages[0]).as_uri())
    page = Page(browser)
    until(lambda: page.coloured() > 100)
    assert (
        data.classes.titles[0] in page.one(".card h3").text
        and "simulated people" in browser.find_element("tag name", "footer").text
    )
    path = write_explorer(config, explore(config, data, evaluation, mapped=False))
    assert "http" not in path.read_text().replace("http-equiv", "")


def test_hostile_names_run_nothing(guessed, opened):
    config, data, evaluation = guessed
    classes = dataclasses.replace(
        data.classes,
        names=(HOSTILE, *data.classes.names[1:]),
        codes=("<i>", *data.classes.codes[1:]),
    )
    clips = dataclasses.replace(
        evaluation.clips, names=tuple(f"{HOSTILE}{i}" for i in range(len(evaluation.clips)))
    )
    data, evaluation = (
        dataclasses.replace(data, classes=classes),
        Evaluation("test", clips, classes, evaluation.probabilities),
    )
    page = opened(page_of(explore(config, data, evaluation)))
    page.click_cell(0, 0)
    until(lambda: "recognised" in page.one("section.detail h3").text)
    page.one("section.detail button.play").click()
    assert page.all("img") == [] and page.browser.title == "host"
    assert "<img" not in "".join(
        path.read_text().partition('class="mbnb-view"')[0]
        for path in write_class_pages(config, data, evaluation).glob("*.html")
    )
