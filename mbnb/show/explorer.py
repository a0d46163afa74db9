"""The error explorer: from a cell of the confusion matrix, a class or a point of a map to the moving people in it.

`Explorer` is a widget that also stands in `report.html`; `write_class_pages` gives each class a page of its own. Both show the data that
`_store` collects, by the scripts in `mbnb/web`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import traitlets
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from mbnb.classes import ClassTable
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation, find_checkpoint
from mbnb.explain.attribution import Importance, explain
from mbnb.explain.embedding import embed, neighbours, project
from mbnb.files import ROOT, InputError, replacing, write_text
from mbnb.model.checkpoints import load_trained
from mbnb.prepare.geometry import speeds
from mbnb.scores.metrics import f1_intervals
from mbnb.show.figures import confusion_matrix
from mbnb.show.player import as_bytes, scene_of
from mbnb.show.review import Notes, read_review, write_relabelled, write_review
from mbnb.show.views import View, fragment, pack_poses, page_script, png, script
from mbnb.video.convert import ENDINGS
from mbnb.video.frames import thumbnails

MOST_FRAMES = 400_000  # of all clips together; beyond them only every second frame is shown, or every third, …
GUESSES = 5  # likeliest classes that are shown of a clip
CONFUSIONS = 3  # worst ones on a class' card
MOMENTS = 16  # parts of a clip in a class' profile of movement
CARD_CLIPS = ("typical", "borderline", "wrong")


class Explorer(View):
    """A clickable confusion matrix, class cards, a map of the clips and a review, in which a click plays the clips behind it.

    In a live notebook, notes are written to the run's `review.csv` and the view to `explorer.json`, where the next explorer of the run
    finds them; elsewhere notes can be downloaded.
    """

    scripts = ("player.js", "matrix.js", "cards.js", "map.js", "explorer.js")
    mount = "mountExplorer"
    notes = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, config: Config, people: DataSet, evaluation: Evaluation, **values: Any):
        self.config, self.people, self.evaluation = config, people, evaluation
        super().__init__(
            still=png(confusion_matrix(evaluation)), label="confusion matrix", **values
        )
        self.on_msg(lambda _, message, buffers: self._answer(message))
        self.observe(
            lambda change: write_text(
                config.folder.explorer_state, json.dumps(change["new"]) + "\n"
            ),
            "view",
        )

    def fragment(self) -> str:
        return fragment(self.mount, data=self.data, poses=self.poses, notes=self.notes, view={})

    def _answer(self, message: dict[str, Any]) -> None:
        """What the page asks for: keep a note, write label files, explain a clip, show its video. What fails is told to the page."""
        kinds = {
            "note": self._keep,
            "relabel": self._relabel,
            "explain": self._explain,
            "video": self._video,
        }
        about = {key: message[key] for key in ("kind", "clip", "ask") if key in message}
        try:
            self.send(about | kinds[message["kind"]](message))
        except Exception as error:
            self.send(about | {"problem": str(error) or type(error).__name__})
            if not isinstance(error, (OSError, InputError)):
                raise  # no user's mistake: the log shall have it

    def _keep(self, message: dict[str, Any]) -> dict[str, Any]:
        name = self.evaluation.clips.names[message["clip"]]
        notes: Notes = read_review(
            self.config, self.people.classes
        )  # somebody may have written in the meantime
        notes.pop(name, None)
        notes |= (
            {name: {key: message[key] for key in ("note", "label")}}
            if message["note"] or message["label"]
            else {}
        )
        write_review(self.config, notes)
        self.notes = notes
        return {}

    def _relabel(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "text": f"written: {', '.join(map(str, write_relabelled(self.config, self.notes, self.evaluation.split)))}"
        }

    def _explain(self, message: dict[str, Any]) -> dict[str, Any]:
        found = explain_clips(
            self.config, self.people, self.evaluation, np.array([message["clip"]])
        )
        return {"importance": _importance(found, self.data["every"])[message["clip"]]}

    def _video(self, message: dict[str, Any]) -> dict[str, Any]:
        name, folder = self.evaluation.clips.names[message["clip"]], ROOT / self.config.videos
        path = next(
            (
                path
                for path in sorted(folder.rglob("*"))
                if path.stem == name and path.suffix.lower() in ENDINGS
            ),
            None,
        )
        if path is None:
            raise InputError(
                f"{folder}: expected a video named {name}, with one of {', '.join(sorted(ENDINGS))}"
            )
        return {"pictures": thumbnails(path)}


def explore(
    config: Config,
    data: DataSet,
    evaluation: Evaluation,
    importance: Importance | None = None,
    against: tuple[str, Evaluation] | None = None,
    mapped: bool = True,
) -> Explorer:
    """An explorer of a run's evaluation.

    importance: of some of its clips, as `attribution.explain` found it. against: the name and the evaluation of another run on the same
    clips, to see what was gained and lost. A run with a checkpoint also gets a map, and each clip its neighbours in training, unless `mapped`
    is off. Raises InputError where the other run has other clips.
    """
    clips, extra, more = evaluation.clips, None, {}
    if has_model(config) and mapped and "train" in data.splits:
        extra, more = _mapped(config, data, evaluation)
    store, poses = _store(evaluation, data, config, np.arange(len(clips)), extra)
    store |= more | {
        "order": {"region": list(data.classes.by_region), "cluster": _clustered(evaluation)},
        "cards": class_cards(evaluation, config),
        "model": has_model(config),
        "videos": bool(config.videos),
        "importance": _importance(importance, store["every"]) if importance else {},
    }
    if against:
        name, other = against
        store["against"] = {
            "name": name,
            "predicted": other.predictions[evaluation.places_in(other)].tolist(),
        }
    kept, predicted = config.folder.explorer_state, config.folder.predictions
    same = (
        kept.exists() and predicted.exists() and kept.stat().st_mtime > predicted.stat().st_mtime
    )  # else it shows another evaluation
    return Explorer(
        config,
        data,
        evaluation,
        data=store,
        poses=poses,
        notes=read_review(config, data.classes),
        view=json.loads(kept.read_text(encoding="utf-8")) if same else {},
    )


def has_model(config: Config) -> bool:
    """Whether a checkpoint stands behind the run's predictions: not behind a baseline's or those of several runs."""
    return config.method == "dstformer" and bool(
        config.checkpoint or config.folder.checkpoints.exists()
    )


def _mapped(config: Config, data: DataSet, evaluation: Evaluation) -> tuple[Clips, dict[str, Any]]:
    """Clips of training that are neighbours of evaluated ones, and for the page: maps of both, and each evaluated clip's neighbours."""
    clips, known = evaluation.clips, data.splits["train"]
    trained = load_trained(find_checkpoint(config, data), config)
    features, of_known = (
        embed(trained, some, data.skeleton, data.classes, config) for some in (clips, known)
    )
    near, alike = neighbours(features, of_known)
    # Poses are most of a notebook's size: each clip's nearest always, the others up to half as many as there are evaluated clips.
    nearest = np.unique(near[:, 0])
    wanted = np.bincount(near.ravel(), minlength=len(known))
    wanted[nearest] += near.size
    chosen = np.argsort(-wanted, kind="stable")[: max(len(clips) // 2, len(nearest), 50)]
    chosen = chosen[wanted[chosen] > 0]
    place = {int(i): len(clips) + k for k, i in enumerate(chosen)}
    maps = project(np.concatenate([features, of_known[chosen]]), config.seed)
    return known.take(chosen), {
        "map": {name: points.round(4).tolist() for name, points in maps.items()},
        "neighbours": [
            [[place[i], round(a, 3)] for i, a in zip(row, cosines) if i in place]
            for row, cosines in zip(near.tolist(), alike.tolist())
        ],
    }


def explain_clips(
    config: Config, data: DataSet, evaluation: Evaluation, which: np.ndarray | None = None
) -> Importance | None:
    """What the run's predictions of the clips at `which` rest on; without `which` of `config.explained` clips. None where no model stands
    behind the run, or no clip is wanted.

    Those `explained` are the clips on the class cards, then the wrong ones, the most frequent confusions first, then the others.
    """
    if which is None:
        cards = [place for row in _card_clips(evaluation) for place in row.values()]
        cells = evaluation.confusion[
            evaluation.clips.labels, evaluation.predictions
        ]  # (N,) clips with the same fate
        order = np.lexsort((-evaluation.probabilities.max(1), -cells, evaluation.correct))
        which = np.array(list(dict.fromkeys([*cards, *order.tolist()]))[: config.explained])
    if not len(which) or not has_model(config):
        return None
    trained = load_trained(find_checkpoint(config, data), config)
    return explain(
        trained,
        evaluation.clips,
        data.skeleton,
        data.classes,
        config,
        targets=evaluation.predictions[which],
        which=which,
    )


def class_cards(evaluation: Evaluation, config: Config) -> list[dict[str, Any]]:
    """What `mbnb/web/cards.js` shows of each class: scores with the interval of F1 over people, worst confusions, clips, and how fast each joint is
    in each part of a clip, relative to its fastest in any class."""
    clips, wrong, table = evaluation.clips, evaluation.wrong, evaluation.per_class
    bounds = f1_intervals(
        clips.labels,
        evaluation.predictions,
        clips.subjects,
        len(evaluation.classes),
        config.bootstraps,
        config.seed,
    )
    energy = np.stack([_profile(clip, config.fps) for clip in clips])  # (N, J, MOMENTS)
    counts = np.maximum(table["support"].to_numpy(), 1)
    means = np.stack(
        [energy[clips.labels == i].sum(0) / counts[i] for i in range(len(table))]
    )  # (C, J, MOMENTS)
    shares = means / np.maximum(means.max((0, 2), keepdims=True), 1e-9)

    def worst(row: np.ndarray) -> list[list[int]]:
        return [
            [int(i), int(row[i])] for i in np.argsort(-row, kind="stable")[:CONFUSIONS] if row[i]
        ]

    cards = []
    for i, (row, chosen) in enumerate(zip(table.itertuples(), _card_clips(evaluation))):
        scores = {
            "precision": row.precision,
            "recall": row.recall,
            "f1": row.f1,
            "low": bounds[i, 0],
            "high": bounds[i, 1],
        }
        cards.append(
            {
                "support": int(row.support),
                **{
                    key: None if np.isnan(value) else round(float(value), 4)
                    for key, value in scores.items()
                },
                "taken_for": worst(wrong[i]),
                "false_alarms": worst(wrong[:, i]),
                **chosen,
                "profile": [as_bytes(values) for values in shares[i]] if row.support else None,
            }
        )
    return cards


def write_explorer(config: Config, explorer: Explorer) -> Path:
    """Write the explorer as a page that needs neither Python nor a network, `explorer.html` in the run's folder, and return its path."""
    page = jinja2.Environment(autoescape=True).from_string(script("page.html"))
    path = config.folder.explorer
    write_text(
        path,
        page.render(
            _about(config, explorer.people, explorer.evaluation),
            title="Errors",
            wide=True,
            view=explorer.fragment(),
            script=page_script(Explorer.scripts, Explorer.mount),
        ),
    )
    return path


def write_class_pages(
    config: Config, data: DataSet, evaluation: Evaluation, importance: Importance | None = None
) -> Path:
    """Write a page for each class that has clips, with its card and its clips moving, and an index, to the run's folder `classes`; returns that.

    The folder is replaced whole.
    """
    cards = class_cards(evaluation, config)
    kinds = jinja2.Environment(autoescape=True).from_string(script("page.html"))
    folder = config.folder.class_pages
    about = _about(config, data, evaluation)
    with replacing(folder) as part:
        part.mkdir()
        for i, card in enumerate(cards):
            chosen = [card[key] for key in CARD_CLIPS if key in card]
            if not card["support"]:
                continue
            store, poses = _store(evaluation, data, config, np.array(chosen, int))
            here = {key: chosen.index(card[key]) for key in CARD_CLIPS if key in card}
            weights = _importance(importance, store["every"], chosen) if importance else {}
            store |= {
                "cards": {i: card | here},
                "card": i,
                "importance": {
                    k: weights[place] for k, place in enumerate(chosen) if place in weights
                },
            }
            page = kinds.render(
                about,
                title=data.classes.titles[i],
                view=fragment("mountCard", data=store, poses=poses),
                script=page_script(Explorer.scripts, "mountCard"),
            )
            (part / f"{_file_name(data.classes, i)}.html").write_text(page, encoding="utf-8")
        rows = [
            (
                f"{_file_name(data.classes, i)}.html",
                data.classes.titles[i],
                data.classes.regions[i],
                cards[i],
            )
            for i in data.classes.by_region
            if cards[i]["support"]
        ]
        (part / "index.html").write_text(
            kinds.render(about, title="Classes", rows=rows), encoding="utf-8"
        )
    return folder


def _about(config: Config, data: DataSet, evaluation: Evaluation) -> dict[str, Any]:
    """What every page says of the run."""
    return {
        "run": config.run,
        "data": "simulated people" if data.simulated else data.root.name,
        "split": evaluation.split,
        "clips": len(evaluation.clips),
        "people": len(set(evaluation.clips.subjects)),
    }


def _store(
    evaluation: Evaluation,
    data: DataSet,
    config: Config,
    which: np.ndarray,
    extra: Clips | None = None,
) -> tuple[dict[str, Any], bytes]:
    """What `openStore` of `mbnb/web/explorer.js` needs for the evaluated clips at `which`, behind them the `extra` ones of training: JSON and packed poses."""
    clips, classes = evaluation.clips, data.classes
    shown = [clips[int(i)] for i in which] + list(extra or [])
    every = max(1, -(-sum(map(len, shown)) // MOST_FRAMES))
    about, poses = pack_poses([clip[::every] for clip in shown])
    likeliest = np.argsort(-evaluation.probabilities[which], axis=1, kind="stable")[:, :GUESSES]
    sure = np.take_along_axis(evaluation.probabilities[which], likeliest, axis=1)
    subjects = [clips.subjects[i] for i in which] + list(extra.subjects if extra else [])
    people = sorted(set(subjects))
    none: list[list] = [[]] * len(extra or [])
    about |= {
        "name": [clips.names[i] for i in which] + list(extra.names if extra else []),
        "person": [people.index(name) for name in subjects],
        "label": clips.labels[which].tolist() + (extra.labels.tolist() if extra else []),
        "top": likeliest.tolist() + none,
        "p": sure.round(4).tolist() + none,
        "p_true": evaluation.probabilities[which, clips.labels[which]].round(4).tolist(),
        "in_mirror": [] if evaluation.in_mirror is None else evaluation.in_mirror[which].tolist(),
        "alone": [] if evaluation.alone is None else evaluation.alone[which].argmax(1).tolist(),
    }
    return {
        "scene": scene_of(data.skeleton, config.fps / every),
        "every": every,
        "clips": about,
        "scored": len(which),
        "people": people,
        "classes": {
            "codes": classes.codes,
            "names": classes.names,
            "regions": classes.region_ids,
            "region_names": classes.region_names,
        },
    }, poses


def _importance(
    found: Importance, every: int, which: Sequence[int] | None = None
) -> dict[int, dict[str, list[int]]]:
    """By clip (of those at `which`, if given), what the player colours: joints and `every`-th frames, the most important of each 255."""
    return {
        int(i): {
            "joints": as_bytes(joints / max(joints.max(), 1e-9)),
            "frames": as_bytes(frames[::every] / max(frames.max(), 1e-9)),
        }
        for i, joints, frames in zip(found.indices, found.joints, found.frames)
        if which is None or i in which
    }


def _card_clips(evaluation: Evaluation) -> list[dict[str, int]]:
    """For each class, as far as there are such: its surest right clip, the right one that was closest to another class, the surest wrong one."""
    sure, ranked = evaluation.probabilities.max(1), np.sort(evaluation.probabilities, axis=1)
    margin = ranked[:, -1] - ranked[:, -2] if ranked.shape[1] > 1 else sure
    rows = []
    for i in range(len(evaluation.classes)):
        own = np.flatnonzero(evaluation.clips.labels == i)
        right, wrong = own[evaluation.correct[own]], own[~evaluation.correct[own]]
        rows.append(
            ({"typical": int(right[sure[right].argmax()])} if len(right) else {})
            | ({"borderline": int(right[margin[right].argmin()])} if len(right) > 1 else {})
            | ({"wrong": int(wrong[sure[wrong].argmax()])} if len(wrong) else {})
        )
    return rows


def _clustered(evaluation: Evaluation) -> list[int]:
    """The classes in an order in which those that are confused stand together."""
    if len(evaluation.classes) < 3:
        return list(range(len(evaluation.classes)))
    shares = evaluation.confusion / np.maximum(evaluation.confusion.sum(1, keepdims=True), 1)
    distance = 1 - np.maximum(shares, shares.T)
    np.fill_diagonal(distance, 0)
    return leaves_list(
        linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    ).tolist()


def _profile(clip: np.ndarray, fps: float) -> np.ndarray:
    """(T, J, 3) -> (J, MOMENTS): mean speed of each joint in each part of the clip, one after the other, in metres a second."""
    found = speeds(clip, fps) if len(clip) > 1 else np.zeros((1, clip.shape[1]))
    edges = np.linspace(0, len(found), MOMENTS + 1)
    return np.stack(
        [
            found[int(a) : max(int(np.ceil(b)), int(a) + 1)].mean(0)
            for a, b in zip(edges, edges[1:])
        ],
        axis=1,
    )


def _file_name(classes: ClassTable, i: int) -> str:
    """The code as a file's name, whatever characters it has."""
    return f"{i:02d}_" + "".join(letter if letter.isalnum() else "_" for letter in classes.codes[i])
