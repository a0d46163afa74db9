"""The error explorer: from the confusion matrix to the moving people behind a cell.

`explore` makes the widget of a notebook, `write_explorer` a page of it; the report holds one, too.
It shows predictions clip by clip. What the people stage makes of them, if there is one, stands
below a clip. Of many clips it holds `MOST_CLIPS` with their poses; its counts are of all.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from mbnb.clips import Clips, first_rows
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.evaluate.score import find_checkpoint
from mbnb.explain.attribution import Importance, explain
from mbnb.explain.embedding import embed, maps
from mbnb.explain.neighbours import alike_of_others, nearest
from mbnb.files import ROOT, InputError, fingerprint, write_text
from mbnb.model.checkpoints import load_trained
from mbnb.show.cards import EXAMPLES, SCRIPTS, class_cards, example_clips
from mbnb.show.figures import confusion_matrix
from mbnb.show.page import Widget, fragment, page_script, png, rendered
from mbnb.show.review import Notes, read_review, write_relabelled, write_review
from mbnb.show.store import clip_store, importance_colours, run_facts
from mbnb.video.convert import landmark_file
from mbnb.video.folder import find_video
from mbnb.video.pictures import thumbnails

MOST_CLIPS = 6000  # of an evaluation that a page holds; MA-52's test has 5,586


class Explorer(Widget):
    """A confusion matrix, class cards, a map of the clips and a review; a click plays clips.

    In a live notebook, notes are written to the run's `review.csv`, and what is looked at to
    `explorer.json`, where the next explorer of the run finds them. Elsewhere notes can be
    downloaded.
    """

    scripts = SCRIPTS
    mount = "mountExplorer"
    notes = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        config: Config,
        data_set: DataSet,
        evaluation: Evaluation,
        held: Evaluation,
        **values: Any,
    ):
        self.config, self.data_set, self.evaluation = config, data_set, evaluation
        self.held = held  # that of the clips which the page holds; it calls them by their places
        self.mark = _mark(config)  # read once, since every click is kept
        super().__init__(
            still=png(confusion_matrix(evaluation)), label="confusion matrix", **values
        )
        self.on_msg(lambda _, message, buffers: self._reply(message))
        self.observe(lambda change: self._keep_view(change["new"]), "view")

    def fragment(self) -> str:
        return fragment(self.mount, data=self.data, poses=self.poses, notes=self.notes, view={})

    def _keep_view(self, view: dict[str, Any]) -> None:
        kept = {"of": self.mark, "view": view}
        write_text(self.config.folder.explorer_state, json.dumps(kept) + "\n")

    def _reply(self, message: dict[str, Any]) -> None:
        """Do what the page asks for and send it the outcome; what fails is told to the page."""
        kinds = {
            "note": self._keep_note,
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
                raise  # it is no user's mistake, so the log shall have it

    def _keep_note(self, message: dict[str, Any]) -> dict[str, Any]:
        name = self.held.clips.names[message["clip"]]
        # Somebody may have written in the meantime.
        notes: Notes = read_review(self.config, self.data_set.classes)
        notes.pop(name, None)
        if message["note"] or message["label"]:
            notes[name] = {key: message[key] for key in ("note", "label")}
        write_review(self.config, notes)
        self.notes = notes
        return {}

    def _relabel(self, message: dict[str, Any]) -> dict[str, Any]:
        paths = write_relabelled(self.config, self.notes, self.evaluation.split)
        return {"text": f"written: {', '.join(map(str, paths))}"}

    def _explain(self, message: dict[str, Any]) -> dict[str, Any]:
        clip = message["clip"]
        importance = explain_clips(self.config, self.data_set, self.held, np.array([clip]))
        return {"importance": importance_colours(importance, self.data["every"])[clip]}

    def _video(self, message: dict[str, Any]) -> dict[str, Any]:
        name, folder = self.held.clips.names[message["clip"]], ROOT / self.config.videos
        path, faces = find_video(folder, name), self.config.faces
        if not path:
            raise InputError(f"{folder}: expected a video named {name}, found none")
        landmarks = landmark_file(self.data_set.root, name)
        pictures = thumbnails(path, landmarks=landmarks, faces=faces)
        if not pictures:
            raise InputError(f"{path}: pictures are left out by the setting faces, {faces!r}")
        return {"pictures": pictures}


def explore(
    config: Config,
    data: DataSet,
    evaluation: Evaluation,
    importance: Importance | None = None,
    against: tuple[str, Evaluation] | None = None,
    mapped: bool = True,
) -> Explorer:
    """An explorer of a run's evaluation.

    importance: of some of its clips, from `explain_clips`.
    against: name and evaluation of another run on the same clips, to see what was gained and lost.
    mapped: whether a run with a checkpoint gets a map, and each clip its neighbours in training.

    Raises InputError where the other run has other clips, and for clips without depth.
    """
    if evaluation.clips.flat:
        raise InputError(f"{data.root}: 2D keypoints cannot be looked at in the explorer")
    which = _clips_to_hold(evaluation, importance)
    held, place = evaluation.take(which), {int(i): k for k, i in enumerate(which)}
    train_clips, map_data = None, {}
    if has_model(config) and mapped and "train" in data.splits:
        train_clips, map_data = _map_with_neighbours(config, data, held)
    store, poses = clip_store(held, data, config, np.arange(len(which)), train_clips)
    colours = importance_colours(importance, store["every"]) if importance else {}
    store |= map_data | {
        "order": {"region": list(data.classes.by_region), "cluster": _clustered(evaluation)},
        "counts": evaluation.confusion.tolist(),
        "cards": [
            card | {kind: place[card[kind]] for kind in EXAMPLES if kind in card}
            for card in class_cards(evaluation, config)
        ],
        "model": has_model(config),
        "videos": bool(config.videos),
        "importance": {place[i]: colour for i, colour in colours.items()},
    }
    if against:
        name, other = against
        predicted = other.predictions[evaluation.places_in(other)[which]]
        store["against"] = {"name": name, "predicted": predicted.tolist()}
    return Explorer(
        config,
        data,
        evaluation,
        held,
        data=store,
        poses=poses,
        notes=read_review(config, data.classes),
        view=_last_view(config),
    )


def write_explorer(config: Config, explorer: Explorer) -> Path:
    """Write the explorer as a page, `explorer.html` in the run's folder, and return its path.

    The page needs neither Python nor a network.
    """
    page = rendered(
        "page.html",
        **run_facts(config, explorer.data_set, explorer.evaluation),
        title="Errors",
        wide=True,
        view=explorer.fragment(),
        script=page_script(Explorer.scripts, Explorer.mount),
    )
    write_text(config.folder.explorer, page)
    return config.folder.explorer


def has_model(config: Config) -> bool:
    """Whether a checkpoint is behind the run's predictions.

    There is none behind those of a baseline or of several runs.
    """
    has_checkpoint = bool(config.checkpoint) or config.folder.checkpoints.exists()
    return config.method == "dstformer" and has_checkpoint


def explain_clips(
    config: Config, data: DataSet, evaluation: Evaluation, which: np.ndarray | None = None
) -> Importance | None:
    """What the network's predictions rest on; None where no network is behind the run.

    Explains the clips at `which`. Without it these are `config.explained` clips, chosen in this
    order: those on the class cards, wrong ones of the most frequent confusions, other clips. None
    as well where that is no clip.
    """
    if which is None:
        which = _clips_to_explain(evaluation, config.explained)
    if not len(which) or not has_model(config):
        return None
    return explain(
        load_trained(find_checkpoint(config, data), config),
        evaluation.clips,
        data.skeleton,
        data.classes,
        config,
        targets=evaluation.predictions[which],
        which=which,
    )


def _clips_to_explain(evaluation: Evaluation, count: int) -> np.ndarray:
    """Places of the clips on class cards, then wrong clips, then others, `count` altogether."""
    on_cards = [place for places in example_clips(evaluation) for place in places.values()]
    # (N,) how many clips share each one's cell of the confusion matrix
    sharing = evaluation.confusion[evaluation.clips.labels, evaluation.predictions]
    confidence = evaluation.probabilities.max(1)
    order = np.lexsort((-confidence, -sharing, evaluation.correct))
    return np.array(list(dict.fromkeys([*on_cards, *order.tolist()]))[:count])


def _clips_to_hold(evaluation: Evaluation, importance: Importance | None) -> np.ndarray:
    """(K,) places of the clips that a page holds, ascending: all of them, or MOST_CLIPS of many.

    Of many these are the clips on class cards and those explained, then wrong ones, up to three
    quarters, then right ones. A cell of the confusion matrix has a share by the root of its count,
    its surest clips, so that rare confusions have theirs.
    """
    if len(evaluation.clips) <= MOST_CLIPS:
        return np.arange(len(evaluation.clips))
    first = [place for places in example_clips(evaluation) for place in places.values()]
    first += [] if importance is None else importance.indices.tolist()
    # (N,) each clip's cell, and how many of its cell are surer
    cell = evaluation.clips.labels * len(evaluation.classes) + evaluation.predictions
    by_cell = np.lexsort((-evaluation.probabilities.max(1), cell))
    sizes = evaluation.confusion.ravel()
    surer = np.empty(len(cell), int)
    surer[by_cell] = np.arange(len(cell)) - first_rows(sizes)[cell[by_cell]]
    order = np.argsort(surer / np.sqrt(sizes[cell]), kind="stable")
    is_right = evaluation.correct[order]
    right, wrong, most = order[is_right], order[~is_right], 3 * MOST_CLIPS // 4
    chosen = dict.fromkeys([*first, *wrong[:most], *right[:MOST_CLIPS], *wrong[most:MOST_CLIPS]])
    return np.sort(list(chosen)[: max(MOST_CLIPS, len(set(first)))])


def _map_with_neighbours(
    config: Config, data: DataSet, evaluation: Evaluation
) -> tuple[Clips, dict[str, Any]]:
    """Clips of training that are neighbours of evaluated ones, and what the page knows of them.

    The page knows maps of both kinds of clips, each evaluated clip's neighbours, and which
    evaluated clips of other people are like it.
    """
    clips, train_clips = evaluation.clips, data.splits["train"]
    trained = load_trained(find_checkpoint(config, data), config)
    features = embed(trained, clips, data.skeleton, data.classes, config)
    train_features = embed(trained, train_clips, data.skeleton, data.classes, config)
    neighbours, cosines = nearest(features, train_features)
    chosen = _most_wanted(neighbours, len(train_clips))
    place = {int(i): len(clips) + k for k, i in enumerate(chosen)}
    points = maps(np.concatenate([features, train_features[chosen]]), config.seed)
    return train_clips.take(chosen), {
        "map": {name: places.round(4).tolist() for name, places in points.items()},
        "neighbours": [
            [[place[i], round(cosine, 3)] for i, cosine in zip(row, alike) if i in place]
            for row, alike in zip(neighbours.tolist(), cosines.tolist())
        ],
        "alike": alike_of_others(features, clips.subjects),
    }


def _most_wanted(neighbours: np.ndarray, total: int) -> np.ndarray:
    """The clips of training, of `total`, that a page shows of each clip's `neighbours` (N, K).

    Poses are most of a notebook's size. Each clip's nearest is always shown, and the others that
    are wanted most often, up to half as many as there are evaluated clips.
    """
    first = np.unique(neighbours[:, 0])
    wanted = np.bincount(neighbours.ravel(), minlength=total)
    wanted[first] += neighbours.size
    most = max(len(neighbours) // 2, len(first), 50)
    chosen = np.argsort(-wanted, kind="stable")[:most]
    return chosen[wanted[chosen] > 0]


def _clustered(evaluation: Evaluation) -> list[int]:
    """The classes in an order in which those that are confused stand together."""
    if len(evaluation.classes) < 3:
        return list(range(len(evaluation.classes)))
    shares = evaluation.confusion / np.maximum(evaluation.confusion.sum(1, keepdims=True), 1)
    distance = 1 - np.maximum(shares, shares.T)
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    return leaves_list(linkage(condensed, "average", optimal_ordering=True)).tolist()


def _mark(config: Config) -> str:
    """What tells a run's predictions from others, whatever any clock says of their files."""
    predictions = config.folder.predictions
    return fingerprint(predictions.read_bytes()) if predictions.exists() else ""


def _last_view(config: Config) -> dict[str, Any]:
    """What was last looked at in the run; nothing where that was another evaluation."""
    try:
        kept = json.loads(config.folder.explorer_state.read_text(encoding="utf-8"))
        same = kept["of"] == _mark(config) != ""
        return dict(kept["view"]) if same else {}
    except (OSError, ValueError, TypeError, KeyError):  # none, or one of an earlier version
        return {}
