"""What the scripts of `mbnb/show/web` know of an evaluation: clips, answers, poses, colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.data.dataset import DataSet
from mbnb.evaluate.evaluation import Evaluation
from mbnb.explain.attribution import Importance
from mbnb.show.page import pack_poses
from mbnb.show.player import as_bytes, scene_of

# Of all clips together; beyond them only every second frame is shown, or every third, …
MOST_FRAMES = 400_000
GUESSES = 5  # likeliest classes that are shown of a clip


def clip_store(
    evaluation: Evaluation,
    data: DataSet,
    config: Config,
    which: np.ndarray,
    train_clips: Clips | None = None,
) -> tuple[dict[str, Any], bytes]:
    """What `openStore` of `explorer.js` needs: JSON, and packed poses.

    It holds the evaluated clips at `which`, and behind them `train_clips`, which have no answers.
    """
    clips, classes = evaluation.clips, data.classes
    poses = [clips.drawn(int(i)) for i in which]
    poses += [train_clips.drawn(i) for i in range(len(train_clips or []))]
    every = max(1, -(-sum(map(len, poses)) // MOST_FRAMES))
    about, packed = pack_poses([clip[::every] for clip in poses])
    subjects = [clips.subjects[i] for i in which]
    about |= {
        "name": [clips.names[i] for i in which],
        "label": clips.labels[which].tolist(),
        **_answers(evaluation, which),
    }
    if train_clips:
        subjects += train_clips.subjects
        about["name"] += train_clips.names
        about["label"] += train_clips.labels.tolist()
        about["top"] += [[]] * len(train_clips)
        about["p"] += [[]] * len(train_clips)
    people, person = np.unique(subjects, return_inverse=True)
    about["person"] = person.tolist()
    return {
        "scene": scene_of(data.skeleton, config.fps / every),
        "every": every,
        "clips": about,
        "scored": len(which),
        "people": people.tolist(),
        "steps": list(evaluation.steps),
        "classes": {
            "codes": classes.codes,
            "names": classes.names,
            "regions": classes.region_ids,
            "region_names": classes.region_names,
        },
    }, packed


def _answers(evaluation: Evaluation, which: np.ndarray) -> dict[str, list]:
    """The likeliest classes of the clips at `which`, how likely they are, and the true class."""
    probabilities = evaluation.probabilities[which]
    likeliest = np.argsort(-probabilities, axis=1, kind="stable")[:, :GUESSES]
    of_truth = evaluation.probabilities[which, evaluation.clips.labels[which]]
    adapted = evaluation.adapted
    return {
        "top": likeliest.tolist(),
        "p": np.take_along_axis(probabilities, likeliest, axis=1).round(4).tolist(),
        "p_true": of_truth.round(4).tolist(),
        "adapted": [] if adapted is None else adapted[which].argmax(1).tolist(),
    }


def importance_colours(
    importance: Importance, every: int, which: Sequence[int] | None = None
) -> dict[int, dict[str, list[int]]]:
    """By clip, what the player colours: joints and `every`-th frames.

    The most important of each is 255. Of the clips at `which`; without it, of all that were
    explained.
    """
    return {
        int(i): {
            "joints": as_bytes(joints / max(joints.max(), 1e-9)),
            "frames": as_bytes(frames[::every] / max(frames.max(), 1e-9)),
        }
        for i, joints, frames in zip(importance.indices, importance.joints, importance.frames)
        if which is None or i in which
    }


def run_facts(config: Config, data: DataSet, evaluation: Evaluation) -> dict[str, Any]:
    """What every page says of the run."""
    return {
        "run": config.run,
        "data": "simulated people" if data.simulated else data.root.name,
        "split": evaluation.split,
        "clips": len(evaluation.clips),
        "people": len(set(evaluation.clips.subjects)),
    }
