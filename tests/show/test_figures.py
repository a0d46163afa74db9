"""Figures fit for a paper.

Nothing overlaps or is cut off, kinds can be told apart in grey, files are vector and the same every
time.
"""

import dataclasses
import itertools
import re
from types import SimpleNamespace

import build
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image

from benchmarks import picture
from mbnb.classes import ClassTable, read_classes
from mbnb.config import Config
from mbnb.evaluate import Evaluation
from mbnb.show import figures
from mbnb.show.report import write_report
from mbnb.simulate import simulator

HOSTILE = (
    "a name of a class that somebody wrote as a whole sentence, with a comma",
    "Donaudampfschifffahrtsgesellschaftskapitaenskajuete",
    "costs $x_1$ & \\frac{}",
    "WWWWWWWWWWWWWWWWWWWWWWWW",
    "two\nlines",
    "i",
    "naïve – “quoted” 100 %",
)
REGIONS = (
    "upper limb",
    "a region of the body with a very long name indeed",
    "WWWWWWWWWWWWWWWWW",
    "$head$",
    "leg-hand",
    "one",
    "body",
)
TABLES = {
    "document": read_classes("document"),
    "seven regions": read_classes("ma52"),
    "hostile": ClassTable(
        tuple(f"K{i}" if i % 9 else f"code_of_class_{i}" for i in range(58)),
        tuple(f"{HOSTILE[i % 7]} {i}" for i in range(58)),
        tuple(REGIONS[min(i // 9, 6)] if i != 57 else "alone" for i in range(58)),
    ),
}
EPOCHS = 12


def simulated(table):
    """A few people under a class table, and an evaluation that is right about most clips."""
    classes, rng = TABLES[table], np.random.default_rng(0)
    splits = simulator.simulate(people=3, test_people=2, clips_per_person=52, seed=1)
    data = build.data_set(splits, classes, simulated=True)
    clips, regions = splits["test"], np.array(classes.region_ids)
    logits = (
        rng.normal(size=(len(clips), len(classes)))
        + 3 * np.eye(len(classes))[clips.labels]
        + (regions == regions[clips.labels][:, None])
    )
    probabilities = np.exp(2 * logits)
    return data, Evaluation(
        "test", clips, classes, probabilities / probabilities.sum(1, keepdims=True)
    )


def history(epochs=EPOCHS):
    falling = np.linspace(1, 0.3, epochs)
    parts = {
        f"{part}_{key}": 1 - falling * share
        for part, share in (("train", 1.0), ("val", 0.8))
        for key in ("top1", "top5", "macro_f1")
    }
    return pd.DataFrame(
        {
            "epoch": range(1, epochs + 1),
            "train_loss": 4 * falling,
            "val_loss": 3 * falling,
            **parts,
            "train_region_top1": 1 - 0.5 * falling,
            "val_region_top1": 1 - 0.4 * falling,
            "lr_backbone": 1e-5 * falling,
            "lr_head": 3e-5 * falling,
            "grad_norm_backbone": 100 * falling,
            "grad_norm_head": 50 * falling,
            "clips_per_second": 1000.0,
            "seconds": 2.0,
        }
    )


def pretraining(epochs=EPOCHS):
    falling = np.linspace(1, 0.3, epochs)
    errors = ("train_error", "val_error", "val_flat_error", "val_deep_error")
    history_of_actions = history(epochs)[["epoch", "train_loss", "lr_backbone", "seconds"]]
    return history_of_actions.assign(**{name: falling for name in errors})


def region_confusion(names, epochs=EPOCHS):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            (epoch, "val", a, b, int(rng.integers(0, 5) + 10 * (a == b) * epoch))
            for epoch in range(1, epochs + 1)
            for a in names
            for b in names
        ],
        columns=["epoch", "split", "true", "predicted", "clips"],
    )


def changed(names):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"gained": rng.integers(0, 400, len(names)), "lost": rng.integers(0, 400, len(names))},
        index=list(names),
    )


def variants(names):
    values = np.linspace(0.5, 0.6, len(names))
    return pd.DataFrame(
        {
            "variant": names,
            "top1": values,
            "top1_low": values - 0.05,
            "top1_high": values + 0.04,
            "difference": values - 0.5,
            "low": values - 0.52,
            "high": values - 0.48,
            "clips": 100,
            "people": 10,
        }
    )


BENCHMARK = pd.DataFrame(
    [
        (task, size, frames, 24, 7000.0, 868.0, "clips/s", ratio)
        for task, ratio in (("training step", 5.1), ("peak memory of a training step", 63.0))
        for size in ("ma52", "demo")
        for frames in (243, "native")
    ],
    columns=["task", "size", "frames", "clips", "ours", "reference", "unit", "ratio"],
)
DELETION = pd.DataFrame(
    {
        "share": np.linspace(0, 1, 6),
        "important": np.linspace(0.9, 0.1, 6),
        "random": np.linspace(0.9, 0.1, 6) ** 0.9,
    }
)
# Every figure from a data set and an evaluation.
FIGURES = {
    "class_counts": lambda d, e: figures.class_counts(d),
    "people_and_lengths": lambda d, e: figures.people_and_lengths(d),
    "motion_by_class": lambda d, e: figures.motion_by_class(d),
    "motion_by_joint": lambda d, e: figures.motion_by_joint(d),
    "curves": lambda d, e: figures.curves(history(), region_confusion(d.classes.region_names)),
    "curves_of_pretraining": lambda d, e: figures.curves(pretraining()),
    "lifted_joints": lambda d, e: figures.pose_errors(
        pd.DataFrame({"encoder": 40.0, "convolutions": 120.0}, d.skeleton.joints)
    ),
    "recovered": lambda d, e: figures.sheet(
        [(title, e.clips[0]) for title in d.classes.titles[:3]], d.skeleton
    ),
    "confusion_matrix": lambda d, e: figures.confusion_matrix(e),
    "region_matrix": lambda d, e: figures.region_matrix(e),
    "error_split": lambda d, e: figures.error_split(e),
    "overview": lambda d, e: figures.overview(e, d),
    "class_profile": lambda d, e: figures.class_profile(e),
    "motion_of_errors": lambda d, e: figures.motion_of_outcomes(e, e.motion_of_errors(30.0)),
    "f1_by_class": lambda d, e: figures.f1_bars(e),
    "confidence": lambda d, e: figures.confidence(e),
    "worst_pair": lambda d, e: figures.pair_sheet(e, *e.worst_pairs(1).iloc[0, :2], d.skeleton),
    "clips": lambda d, e: figures.clip_sheet(d, figures.examples(d)),
    "changes_by_class": lambda d, e: figures.changes(changed(d.classes.titles)),
    "changes_by_region": lambda d, e: figures.changes(changed(d.classes.region_names)),
    "attribution": lambda d, e: figures.attribution_matrix(
        pd.DataFrame(
            np.random.default_rng(0).random((len(d.classes.region_names), 5)),
            d.classes.region_names,
            ["head", "trunk", "left arm", "right arm", "both legs"],
        )
    ),
    "ablation": lambda d, e: figures.ablation(variants(list(d.classes.titles[:9]))),
    "right_by_region": lambda d, e: figures.right_by_region(
        pd.DataFrame(0.5, [*d.classes.region_names, "all"], d.classes.titles[:9])
    ),
    "deletion": lambda d, e: figures.deletion(DELETION),
    "speed": lambda d, e: picture.speed(BENCHMARK),
}
SAME_FOR_ALL = (
    "deletion",
    "speed",
    "people_and_lengths",
    "motion_by_joint",
    "curves_of_pretraining",
    "lifted_joints",
)  # class tables make no difference to these


@pytest.fixture(scope="module", params=TABLES)
def drawn(request):
    """Every figure on one class table, and the texts in it with their boxes, as they were drawn."""
    data, evaluation = simulated(request.param)
    figures_by_name, boxes, draw = {}, {}, Text.draw

    def record(text, renderer):
        if text.get_visible() and text.get_text().strip():
            boxes[text] = text.get_window_extent(renderer)
        draw(text, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        for name, make in FIGURES.items():
            if request.param == "document" or name not in SAME_FOR_ALL:
                boxes.clear()
                figure = make(data, evaluation)
                FigureCanvasAgg(figure).draw()
                figures_by_name[name] = figure, dict(boxes)
    return figures_by_name


def test_no_text_lies_on_another_or_is_cut_off(drawn):
    faults = []
    for name, (figure, boxes) in drawn.items():
        assert boxes
        faults += [
            f"{name}: {a.get_text()!r} lies on {b.get_text()!r}"
            for (a, box), (b, other) in itertools.combinations(boxes.items(), 2)
            if min(box.x1, other.x1) - max(box.x0, other.x0) > 0.7
            and min(box.y1, other.y1) - max(box.y0, other.y0) > 0.7
        ]
        frame = figure.bbox
        faults += [
            f"{name}: {text.get_text()!r} is cut off"
            for text, box in boxes.items()
            if box.x0 < frame.x0 - 1
            or box.y0 < frame.y0 - 1
            or box.x1 > frame.x1 + 1
            or box.y1 > frame.y1 + 1
        ]
    assert not faults, "\n".join(faults)


def test_widths_are_those_of_columns_and_type_is_legible(drawn):
    for name, (figure, boxes) in drawn.items():
        assert figures.COLUMN - 0.01 <= figure.get_figwidth() <= figures.PAGE + 0.01, name
        sizes = {text.get_fontsize() for text in boxes}
        assert min(sizes) >= (
            figures.TABLE if name in ("confusion_matrix", "motion_by_class") else figures.LEAST
        ), name
        assert max(sizes) <= figures.FONT, name


def grey(color):
    """Lightness L* from 0 to 100, what is left of a color in grey."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in to_rgb(color)
    ]
    luminance = np.dot(linear, (0.2126, 0.7152, 0.0722))
    return 116 * np.cbrt(luminance) - 16 if luminance > 0.008856 else 903.3 * luminance


def test_kinds_differ_in_grey(drawn):
    groups = {
        "outcomes": figures.OUTCOMES.values(),
        "lines": [line["color"] for line in figures.LINES],
        "blocks": figures.SHADES,
        "changes": (figures.GAINED, figures.LOST),
    }
    for name, (figure, _) in drawn.items():  # and whatever the legends of the figures tell apart
        for i, legend in enumerate(figure.findobj(Legend)):
            groups[f"{name} {i}"] = [
                handle.get_facecolor() if hasattr(handle, "get_facecolor") else handle.get_color()
                for handle in legend.legend_handles
            ]
    for name, colors in groups.items():
        for a, b in itertools.combinations(colors, 2):
            assert abs(grey(a) - grey(b)) > 16, (name, a, b)
    assert (
        len({line["linestyle"] for line in figures.LINES})
        == len({line["marker"] for line in figures.LINES})
        == len(figures.LINES)
    )


def test_files_are_vector_whole_and_the_same_every_time(tmp_path):
    data, evaluation = simulated("document")
    config = Config.of({"outputs": str(tmp_path), "run": "a", "bootstraps": 50})
    caption = figures.Captions(config, data, evaluation)("class_profile") + " Ω"
    kept = []
    for _ in range(2):
        path = figures.save_figure(
            figures.class_profile(evaluation), config, "class_profile", caption
        )
        kept.append([path.with_suffix(kind).read_bytes() for kind in (".png", ".pdf", ".txt")])
    assert kept[0] == kept[1]
    png, pdf, text = kept[0]
    assert text.decode() == caption + "\n"
    with Image.open(path) as picture:
        assert picture.info["Description"] == caption
        assert picture.width == pytest.approx(figures.PAGE * figures.SAVED_DPI, abs=2)
    assert (
        b"/FontFile2" in pdf
        and b"/Type3" not in pdf
        and b"CreationDate" not in pdf
        and b"/Subject" in pdf
        and b"/Subtype /Image" not in pdf
    )
    assert sorted(p.name for p in config.folder.figures.iterdir()) == [
        "class_profile.pdf",
        "class_profile.png",
        "class_profile.txt",
    ]
    figures.save_figure(figures.f1_bars(evaluation), config, "class_profile")
    assert path.with_suffix(".txt").read_text() == "", (
        "a caption belongs to the figure that it was written for"
    )


def test_captions_state_data_split_numbers_and_interval(tmp_path):
    data, evaluation = simulated("document")
    captions = figures.Captions(Config.of({"bootstraps": 200}), data, evaluation)
    text = captions("region_matrix")
    counts = r"Simulated people: test, n = 104 clips of 2 people; "
    region_top1 = r"region top-1 \d+\.\d % \(95 % interval over people: [\d.]+ to [\d.]+ %\)\.$"
    assert re.search(counts + region_top1, text), text
    assert "macro-F1" in captions("f1_by_class")
    recorded = dataclasses.replace(data, simulated=False, known_people=False)
    assert "Data set people: test, n = 104 clips of unknown people" in figures.Captions(
        Config.of({"bootstraps": 50}), recorded, evaluation
    )("overview")
    assert figures.Captions(Config(), data)("class_counts", "train").endswith(
        "Simulated people: train, n = 52 clips of 1 person."
    )


def test_live_curves_redraw_in_one_place_and_seldom(tmp_path, monkeypatch):
    shown, updated = [], []
    monkeypatch.setattr(
        "mbnb.show.figures.training.display",
        lambda figure, display_id: shown.append(figure) or SimpleNamespace(update=updated.append),
    )
    live = figures.LiveCurves(Config.of({"outputs": str(tmp_path)}), seconds=600)
    for epochs in range(1, 5):
        live(history(epochs))
    assert (len(shown), len(updated)) == (1, 0)
    live.draw(history(4))
    assert (len(shown), len(updated)) == (1, 1)


@pytest.mark.parametrize(
    "columns",
    [
        ["epoch", "train_loss"],
        ["epoch", "train_top1", "train_region_top1", "lr_head"],
        ["epoch", "clips_per_second"],
    ],
)
def test_curves_draw_whatever_a_history_holds(columns):
    for epochs in (1, 30):
        figure = figures.curves(history(epochs)[columns])
        FigureCanvasAgg(figure).draw()
        assert any(axis.lines for axis in figure.axes)


def test_the_report_takes_the_captions_that_were_saved(tmp_path):
    config = Config.of({"outputs": str(tmp_path), "run": "a"})
    figures.save_figure(
        figures.deletion(DELETION), config, "deletion", "Deleted & done: n = 7 clips."
    )
    figures.save_figure(figures.deletion(DELETION), config, "of my own", "A caption of my own.")
    figures.save_figure(figures.curves(history()), config, "curves")
    page = write_report(config).read_text()
    assert (
        "<figcaption>Deleted &amp; done: n = 7 clips.</figcaption>" in page
        and "A caption of my own." in page
    )
    assert (
        f"<figcaption>{figures.CAPTIONS['curves']}</figcaption>" in page
        and page.count("data:image/png;base64,") == 3
    )


def test_clips_to_look_at_are_of_every_region_or_the_first_without_labels():
    data = build.data_set(build.splits(), build.DOCUMENT)
    places = figures.examples(data)
    labels = data.splits["train"].labels[places].tolist()
    assert sorted(labels) == [0, 8, 17] and data.title("train", places[0]).startswith("A1")
    nobody = build.data_set({"test": build.clips("abcd", [-1, -1], "test")}, build.DOCUMENT)
    assert figures.examples(nobody, "test") == [0, 1, 2, 3, 4, 5]
    assert nobody.title("test", 3) == nobody.splits["test"].names[3]
    figures.clip_sheet(nobody, [0, 1], "test")


def test_names_of_blocks_stand_over_the_middle_of_a_heatmap_s_columns():
    data = build.data_set(build.splits(), build.DOCUMENT)
    (axis, _) = figures.motion_by_class(data).axes
    blocks = dict.fromkeys(data.classes.regions[i] for i in data.classes.by_region)
    order = [data.classes.regions[i] for i in data.classes.by_region]
    names = {text.get_text(): text.get_position()[0] for text in axis.texts}
    for number, name in enumerate(blocks, 1):
        middle = order.index(name) + order.count(name) / 2
        assert names.get(name, names.get(str(number))) == middle
