"""The report's scores are clip by clip; what the people stage makes of them stands beside."""

import dataclasses
import json
import re

import build
from matplotlib.figure import Figure

from mbnb.data.dataset import load
from mbnb.evaluate import evaluate
from mbnb.show import figures
from mbnb.show.figures import save_figure
from mbnb.show.report import write_report
from mbnb.video.pictures import ABOUT_FACES


def scores_in(path):
    """The rows of the report's table of scores, each a list of its cells' texts."""
    table = re.search(r"<table>(.*?)</table>", path.read_text(), re.DOTALL)[1]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("</tr>")]
    return [row for row in rows if row]


def shares(metrics):
    return [f"{100 * metrics[key]:.1f} %" for key in ("top1", "top5", "macro_f1", "region_top1")]


def test_scores_with_peoples_other_clips_have_a_row_of_their_own(trained):
    config, data, _ = trained
    config = dataclasses.replace(config, checkpoint=str(config.folder.latest))
    for people in ([], ["adapt"]):
        config = dataclasses.replace(config, run=f"report_{len(people)}", people=people)
        evaluate(config, data)
        metrics = json.loads(config.folder.metrics.read_text())
        rows = scores_in(write_report(config))
        assert rows[0][1:] == shares(metrics)
        assert len(rows[1]) == 5, "an interval for each score"
        if people:
            assert rows[0][0].endswith(", clip by clip")
            assert rows[2] == [
                "with each person’s other clips (adapt)",
                *shares(metrics["with_people"]),
            ]
            assert len(rows[3]) == 5
        else:
            assert rows[0][0] == metrics["model"]
            assert len(rows) == 2


def test_other_trainings_stand_apart_from_the_run_and_say_so(trained):
    config, data, _ = trained
    config = dataclasses.replace(config, run="recipes")
    caption = figures.Captions(config, data)
    for name in ("ablation", "right_by_region", "curves"):
        text = caption(name)
        if name != "curves":
            text = caption.counted(name, "people left out", 12, 3, epochs=8)
            assert "a training of its own for 8 epochs" in text and "none is the model" in text
        figures.save_figure(Figure(), config, name, text)
    page = write_report(config).read_text()
    first, last = page.split("Recipes compared (06)")
    assert "Training: loss" in first and "a training of its own" not in first
    assert last.count("<figcaption>") == 2 and "none of them is the model" in last


def test_banners_say_what_is_shown_and_not_what_else_there_is(trained):
    config, data, _ = trained
    config = dataclasses.replace(config, checkpoint=str(config.folder.latest), run="banner")
    evaluate(config, data)
    environment = {
        "data": {"simulated": True, "name": "people", "clips": {}, "notes": []},
        "packages": {},
    }
    config.folder.environment.write_text(json.dumps(environment))
    metrics = json.loads(config.folder.metrics.read_text())
    for simulated in (False, True):
        metrics["simulated"] = simulated
        config.folder.metrics.write_text(json.dumps(metrics))
        page = write_report(config).read_text()
        assert ("<strong>Simulated people.</strong>" in page) == simulated
        assert "Videos of people" not in page
    figure = Figure(figsize=(1, 1))
    save_figure(figure, config, "converted", f"Skeletons. {ABOUT_FACES['blur']}")
    page = write_report(config).read_text()
    assert "<strong>Videos of people.</strong> Skeletons. Faces are blurred.</p>" in page


def test_a_leak_stands_above_the_scores(tmp_path):
    splits = build.splits(test=build.clips("ij", [0, 8, 17], "test", seed=200))
    for name in ("honest", "leak"):
        if name == "leak":  # the scored clips are those of train, under other names and people
            splits["test"] = build.clips("ij", [0, 8, 17], "test")
        root = build.data_folder(tmp_path / name, splits)
        config = build.config(data_root=root, outputs=tmp_path, run=name, method="largest")
        evaluate(config, load(config))
        page = write_report(config).read_text()
        assert ("A leak, so the scores are too good." in page) == (name == "leak")
