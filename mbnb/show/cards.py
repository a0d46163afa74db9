"""Classes on cards: scores, worst confusions, what moves when, and a few clips of each.

The explorer shows them, and `write_class_pages` gives each class a page of its own.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mbnb.classes import ClassTable
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.explain.attribution import Importance
from mbnb.files import replacing
from mbnb.prepare.geometry import speeds
from mbnb.scores import f1_intervals
from mbnb.show.page import fragment, page_script, rendered
from mbnb.show.player import as_bytes
from mbnb.show.store import clip_store, importance_colours, run_facts

SCRIPTS = ("player.js", "matrix.js", "cards.js", "map.js", "explorer.js")
CONFUSIONS = 3  # worst ones on a class' card
MOMENTS = 16  # parts of a clip in a class' profile of movement
EXAMPLES = ("typical", "borderline", "wrong")  # clips on a card


def class_cards(evaluation: Evaluation, config: Config) -> list[dict[str, Any]]:
    """What `cards.js` shows of each class.

    Scores with the interval of F1 over people, worst confusions, the places of its example clips,
    and how fast each joint is in each part of a clip, relative to its fastest in any class.
    """
    clips, wrong = evaluation.clips, evaluation.wrong
    bounds = f1_intervals(
        clips.labels,
        evaluation.predictions,
        clips.subjects,
        len(evaluation.classes),
        config.bootstraps,
        config.seed,
    )
    profiles, examples = _class_profiles(evaluation, config.fps), example_clips(evaluation)
    cards = []
    for i, row in enumerate(evaluation.per_class.itertuples()):
        scores = {"precision": row.precision, "recall": row.recall, "f1": row.f1}
        scores |= {"low": bounds[i, 0], "high": bounds[i, 1]}
        cards.append(
            {
                "support": int(row.support),
                **{
                    key: None if np.isnan(value) else round(float(value), 4)
                    for key, value in scores.items()
                },
                "taken_for": _most_frequent(wrong[i]),
                "false_alarms": _most_frequent(wrong[:, i]),
                **examples[i],
                "profile": [as_bytes(line) for line in profiles[i]] if row.support else None,
            }
        )
    return cards


def example_clips(evaluation: Evaluation) -> list[dict[str, int]]:
    """For each class the places of its example clips, as far as there are such.

    typical: the surest right clip. borderline: the right one closest to another class.
    wrong: the surest wrong one.
    """
    confidence = evaluation.probabilities.max(1)
    ranked = np.sort(evaluation.probabilities, axis=1)
    margin = ranked[:, -1] - ranked[:, -2] if ranked.shape[1] > 1 else confidence
    examples = []
    for i in range(len(evaluation.classes)):
        of_class = np.flatnonzero(evaluation.clips.labels == i)
        is_right = evaluation.correct[of_class]
        right, wrong = of_class[is_right], of_class[~is_right]
        places = {}
        if len(right):
            places["typical"] = int(right[confidence[right].argmax()])
        if len(right) > 1:
            places["borderline"] = int(right[margin[right].argmin()])
        if len(wrong):
            places["wrong"] = int(wrong[confidence[wrong].argmax()])
        examples.append(places)
    return examples


def write_class_pages(
    config: Config, data: DataSet, evaluation: Evaluation, importance: Importance | None = None
) -> Path:
    """Write a page for each class that has clips, and an index; returns their folder.

    A page holds the class' card and its clips moving. The run's folder `classes` is replaced whole.
    """
    cards = class_cards(evaluation, config)
    facts = run_facts(config, data, evaluation)
    rows = []
    with replacing(config.folder.class_pages) as part:
        part.mkdir()
        for i in data.classes.by_region:
            if not cards[i]["support"]:
                continue
            page = rendered(
                "page.html",
                **facts,
                title=data.classes.titles[i],
                view=_card_view(config, data, evaluation, importance, i, cards[i]),
                script=page_script(SCRIPTS, "mountCard"),
            )
            name = f"{_file_name(data.classes, i)}.html"
            (part / name).write_text(page, encoding="utf-8")
            rows.append((name, data.classes.titles[i], data.classes.regions[i], cards[i]))
        index = rendered("page.html", **facts, title="Classes", rows=rows)
        (part / "index.html").write_text(index, encoding="utf-8")
    return config.folder.class_pages


def _card_view(
    config: Config,
    data: DataSet,
    evaluation: Evaluation,
    importance: Importance | None,
    class_id: int,
    card: dict[str, Any],
) -> str:
    """The fragment of a page that shows one card, with its example clips alone in the store."""
    examples = [card[key] for key in EXAMPLES if key in card]
    store, poses = clip_store(evaluation, data, config, np.array(examples, int))
    places = {key: examples.index(card[key]) for key in EXAMPLES if key in card}
    colours = importance_colours(importance, store["every"], examples) if importance else {}
    store |= {
        "cards": {class_id: card | places},
        "card": class_id,
        "importance": {k: colours[i] for k, i in enumerate(examples) if i in colours},
    }
    return fragment("mountCard", data=store, poses=poses)


def _most_frequent(counts: np.ndarray) -> list[list[int]]:
    """The classes with the greatest counts (C,), each with its count, as far as there are any."""
    order = np.argsort(-counts, kind="stable")[:CONFUSIONS]
    return [[int(i), int(counts[i])] for i in order if counts[i]]


def _class_profiles(evaluation: Evaluation, fps: float) -> np.ndarray:
    """(C, J, MOMENTS) mean speeds in each class, relative to the joint's greatest anywhere."""
    clips, joints = evaluation.clips, evaluation.clips.frames.shape[1]
    sums = np.zeros((len(evaluation.classes), MOMENTS, joints))
    for index, speed in speeds(clips, fps, MOMENTS):
        np.add.at(sums, clips.labels[index], speed)
    counts = np.bincount(clips.labels, minlength=len(sums))[:, None, None]
    means = (sums / np.maximum(counts, 1)).swapaxes(1, 2)  # -> (C, J, MOMENTS)
    return means / np.maximum(means.max((0, 2), keepdims=True), 1e-9)


def _file_name(classes: ClassTable, i: int) -> str:
    """The code as a file's name, whatever characters it has."""
    code = "".join(letter if letter.isalnum() else "_" for letter in classes.codes[i])
    return f"{i:02d}_{code}"
