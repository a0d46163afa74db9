"""What a trained model gets right and wrong: predictions, scores with intervals, and errors by class and body region."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mbnb.baselines import classic as baselines
from mbnb.baselines.rocket import fit_convolutions
from mbnb.classes import ClassTable
from mbnb.clips import Clips, join
from mbnb.config import Config, read_yaml, saved_config
from mbnb.data.dataset import DataSet, people_overlap
from mbnb.devices import pick_device
from mbnb.files import ROOT, InputError, fingerprint, replacing, write_text
from mbnb.model.checkpoints import Trained, load_trained
from mbnb.people.handedness import learn_and_find, say_who
from mbnb.people.quota import Quota, learn_quota, people_beside
from mbnb.prepare.recipes import make_recipe
from mbnb.prepare.transforms import motion_energy
from mbnb.scores.calibration import at_temperature, calibration_error, log_loss
from mbnb.scores.metrics import (
    SCORES,
    confusion,
    f1_per_class,
    hits,
    intervals,
    official,
    official_interval,
    region_probabilities,
    score,
)
from mbnb.skeleton import Skeleton
from mbnb.train.loop import predict_batches, train

ANSWERING = (
    "views",
    "convolutions",
    "adapt",
    "handedness",
    "quota",
)  # settings of an evaluation that its predictions depend on


@dataclass(frozen=True)
class Evaluation:
    """Predictions for the N clips of one labelled split: probabilities (N, C); `regions` (N, R) where a head of its own tells them; `in_mirror`
    (N,) bool where left-handed people were looked for, whose clips were seen in a mirror; `alone` (N, C), what the probabilities were before
    the clips of each person were judged together (`mbnb.people.quota`), where they were."""

    split: str
    clips: Clips
    classes: ClassTable
    probabilities: np.ndarray
    regions: np.ndarray | None = None
    in_mirror: np.ndarray | None = None
    alone: np.ndarray | None = None

    @cached_property
    def predictions(self) -> np.ndarray:
        """(N,) class ids."""
        return self.probabilities.argmax(1)

    @cached_property
    def correct(self) -> np.ndarray:
        """(N,) bool."""
        return self.predictions == self.clips.labels

    @cached_property
    def confusion(self) -> np.ndarray:
        """(C, C) counts, true class by predicted class, in the order of the class ids."""
        return confusion(self.clips.labels, self.predictions, len(self.classes))

    @cached_property
    def wrong(self) -> np.ndarray:
        """(C, C) the same without the right answers on the diagonal."""
        return self.confusion - np.diag(self.confusion.diagonal())

    @cached_property
    def region_confusion(self) -> pd.DataFrame:
        """Counts by region, true by predicted."""
        ids = np.array(self.classes.region_ids)
        names = self.classes.region_names
        return pd.DataFrame(
            confusion(ids[self.clips.labels], ids[self.predictions], len(names)),
            index=names,
            columns=names,
        )

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """A row a class: code, name, region, support, precision, recall, f1, and what became of its clips, as counts:
        right, wrong within the region, wrong in another region; and the class it is most often taken for."""
        matrix, ids = self.confusion, np.array(self.classes.region_ids)
        true, predicted, right = matrix.sum(1), matrix.sum(0), matrix.diagonal()
        wrong = self.wrong
        within = (wrong * (ids[:, None] == ids)).sum(1)
        share = {"precision": (right, predicted), "recall": (right, true)}
        shares = {
            key: np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)
            for key, (a, b) in share.items()
        }
        taken_for = [self.classes.titles[row.argmax()] if row.any() else "" for row in wrong]
        return pd.DataFrame(
            {
                "code": self.classes.codes,
                "name": self.classes.names,
                "region": self.classes.regions,
                "support": true,
                **shares,
                "f1": f1_per_class(matrix),
                "right": right,
                "wrong within region": within,
                "wrong other region": wrong.sum(1) - within,
                "most often taken for": taken_for,
            }
        )

    def worst_pairs(self, count: int = 10) -> pd.DataFrame:
        """The most frequent confusions: true, predicted (class ids and titles), clips, share of the true class, same region."""
        wrong = self.wrong
        order = np.argsort(-wrong, axis=None, kind="stable")[:count]
        rows = [divmod(int(i), len(self.classes)) for i in order if wrong.flat[i] > 0]
        return pd.DataFrame(
            [
                {
                    "true_id": a,
                    "predicted_id": b,
                    "true": self.classes.titles[a],
                    "predicted": self.classes.titles[b],
                    "clips": int(wrong[a, b]),
                    "share": wrong[a, b] / self.confusion[a].sum(),
                    "same region": self.classes.regions[a] == self.classes.regions[b],
                }
                for a, b in rows
            ],
            columns=[
                "true_id",
                "predicted_id",
                "true",
                "predicted",
                "clips",
                "share",
                "same region",
            ],
        )

    def clips_of(self, true: int, predicted: int) -> np.ndarray:
        """Indices of the clips of class `true` that were taken for `predicted`, the most confident first."""
        found = np.flatnonzero((self.clips.labels == true) & (self.predictions == predicted))
        return found[np.argsort(-self.probabilities[found, predicted], kind="stable")]

    def places_in(self, other: "Evaluation") -> np.ndarray:
        """(N,) where each clip stands in another evaluation. Raises InputError where that has other clips."""
        place = {name: i for i, name in enumerate(other.clips.names)}
        if place.keys() != set(self.clips.names):
            same = len(place.keys() & set(self.clips.names))
            raise InputError(
                f"expected two evaluations of the same clips, found {len(self.clips)} and {len(other.clips)}, of which {same} are the same"
            )
        return np.array([place[name] for name in self.clips.names])

    @cached_property
    def errors_by_region(self) -> pd.DataFrame:
        """Per true region: clips, right, wrong within the region, wrong in another region."""
        columns = ["right", "wrong within region", "wrong other region"]
        table = self.per_class.groupby("region", sort=False)[["support", *columns]].sum()
        return table.rename(columns={"support": "clips"})

    def motion_of_errors(self, fps: float) -> pd.DataFrame:
        """A row a clip: region, whether it was right, and its mean speed over the joints in cm/s."""
        speed = np.array([motion_energy(clip, fps).mean() for clip in self.clips]) * 100
        return pd.DataFrame(
            {
                "region": np.array(self.classes.regions)[self.clips.labels],
                "speed": speed,
                "outcome": np.where(self.correct, "right", "confused"),
            }
        )

    def table(self) -> pd.DataFrame:
        """A row a clip: clip, subject, true, predicted, confidence, correct, in_top5, in_mirror and alone where there are such, `p_<code>` for every
        class, and where clips were judged together also `a_<code>`, what it was before."""
        table = prediction_table(
            self.clips.names,
            self.classes,
            self.probabilities,
            self.regions,
            subjects=self.clips.subjects,
        )
        table.insert(2, "true", [self.classes.codes[i] for i in self.clips.labels])
        table.insert(5, "correct", self.correct)
        table.insert(6, "in_top5", hits(self.clips.labels, self.probabilities, 5))
        if self.in_mirror is not None:
            table.insert(7, "in_mirror", self.in_mirror)
        if self.alone is None:
            return table
        table.insert(7, "alone", [self.classes.codes[i] for i in self.alone.argmax(1)])
        return pd.concat(
            [table, pd.DataFrame(self.alone, columns=[f"a_{code}" for code in self.classes.codes])],
            axis=1,
        )


def prediction_table(
    names: Sequence[str],
    classes: ClassTable,
    probabilities: np.ndarray,
    regions: np.ndarray | None = None,
    reject: float = 0.0,
    subjects: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A row a clip: clip, subject where they are known, predicted (code; nothing where the confidence is below `reject`), confidence, `p_<code>` for
    every class, and `r_<region>` for every region where a head of its own tells them."""
    best, confidence = probabilities.argmax(1), probabilities.max(1, initial=0)
    head = pd.DataFrame(
        {"clip": names}
        | ({} if subjects is None else {"subject": subjects})
        | {
            "predicted": [
                classes.codes[i] if sure >= reject else "" for i, sure in zip(best, confidence)
            ],
            "confidence": confidence,
        }
    )
    values = [pd.DataFrame(probabilities, columns=[f"p_{code}" for code in classes.codes])]
    values += (
        []
        if regions is None
        else [pd.DataFrame(regions, columns=[f"r_{name}" for name in classes.region_names])]
    )
    return pd.concat([head, *values], axis=1)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    with replacing(path) as part:
        table.to_csv(part, index=False, float_format="%.6g")


def find_clips(data: DataSet, names: Sequence[str]) -> Clips:
    """The labelled clips of these names, from whatever split. Raises InputError for names that there are not, or that several splits have."""
    known = join([clips for clips in data.splits.values() if clips.labelled])
    place = {name: i for i, name in enumerate(known.names)}
    strangers = [name for name in names if name not in place]
    twice = pd.Index(known.names)[pd.Index(known.names).duplicated()].intersection(names)
    if len(twice):
        raise InputError(
            f"{len(twice)} of {len(names)} clips have a name that two splits of {data.root} use, {twice[0]} the first: rename those of one"
        )
    if strangers:
        raise InputError(
            f"{len(strangers)} of {len(names)} clips are not among the labelled ones of {data.root}, {strangers[0]} the first"
        )
    return known.take(np.array([place[name] for name in names]))


def scored_split(config: Config, data: DataSet) -> str | None:
    """The labelled split that `config.scored` names; by itself test, where that is labelled, else val. None where there is no such split."""
    wished = ("test", "val") if config.scored == "auto" else (config.scored,)
    return next(
        (name for name in wished if name in data.splits and data.splits[name].labelled), None
    )


def find_checkpoint(config: Config, data: DataSet) -> Path:
    """The configured checkpoint, or the run's own; a run without one is trained first, and that is said. Where val is scored, which chose the best
    epoch, the last one is taken: what chooses is not scored."""
    if config.checkpoint:
        return ROOT / config.checkpoint
    choice = "latest" if scored_split(config, data) == "val" else config.checkpoint_choice
    path = config.folder.checkpoints / f"{choice}.pt"
    if not path.exists():
        print(f"run {config.run!r} has no checkpoint yet: training it now")
        train(config, data)
    return path


def predict(
    trained: Trained, clips: Clips, skeleton: Skeleton, classes: ClassTable, config: Config
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Calibrated probabilities (N, C) of the classes, the mean of the model's and of those of random convolutions where there are such; (N, R) of
    the regions likewise, where the model has a head for them; and (N,) bool, which clips were seen in a mirror, where that was looked for. For clips
    prepared as the model's own configuration says, on `config`'s device."""
    device = pick_device(config)
    in_mirror = trained.in_mirror(clips, skeleton, config)
    recipe = make_recipe(clips, trained.config, skeleton, classes, device, in_mirror=in_mirror)
    found = predict_batches(
        trained.model.to(device),
        recipe,
        config,
        "predicting",
        people=clips.subjects if config.adapt else None,
    )
    probabilities, regions = (
        at_temperature(found[:, : len(classes)], trained.temperature),
        found[:, len(classes) :],
    )
    if trained.convolutions and config.convolutions:
        others = trained.convolutions.answer(clips, skeleton, in_mirror, config.adapt)
        probabilities, regions = (
            (probabilities + others) / 2,
            (regions + region_probabilities(others, classes)) / 2 if regions.size else regions,
        )
    return probabilities, regions if regions.size else None, in_mirror


def check_fit(trained: Trained, data: DataSet, path: object) -> None:
    """Raise InputError where the model's joints or classes are not those of the data."""
    joints, classes = trained.model.feat_J, trained.model.head.fc2.out_features
    faults = (
        []
        if joints == len(data.skeleton)
        else [f"{path} was trained on {joints} joints, the data have {len(data.skeleton)}"]
    )
    if classes != len(data.classes):
        faults.append(f"{path} was trained on {classes} classes, the data have {len(data.classes)}")
    elif trained.classes and trained.classes.titles != data.classes.titles:
        other = next(
            i for i in range(classes) if trained.classes.titles[i] != data.classes.titles[i]
        )
        faults.append(
            f"{path} was trained on another class table: {other} is {trained.classes.titles[other]!r} there and {data.classes.titles[other]!r} in the data"
        )
    if faults:
        raise InputError("\n".join(faults))


def evaluate(config: Config, data: DataSet) -> Evaluation:
    """Score a checkpoint on people who were not in training and write `metrics.json` and `predictions.csv` to the run.

    Takes the `scored_split`. Raises InputError where there is none, or the checkpoint does not fit.
    """
    split = scored_split(config, data)
    if split is None:
        wished = "test or val" if config.scored == "auto" else config.scored
        raise InputError(
            f"{data.root}: no labelled {wished} split, so nothing can be scored; python -m mbnb predict writes probabilities"
        )
    clips = data.splits[split]
    if config.method != "dstformer":
        config.save(config.folder.config)
        known, in_mirror = _known(data, split), None
        if config.method == "rocket":
            turned = None
            if config.handedness and data.known_people and not data.classes.mirror:
                turned, in_mirror = learn_and_find(known, clips, data.skeleton, len(data.classes))
            fitted = fit_convolutions(
                known, data.skeleton, len(data.classes), config.seed, config.fps, turned
            )
            probabilities = fitted.answer(clips, data.skeleton, in_mirror, config.adapt)
        else:
            probabilities = baselines.METHODS[config.method](
                known, clips, data.skeleton, len(data.classes)
            )
        about = {"model": config.method, "members": {config.method: 1.0}}
        return _judge_together(
            config,
            data,
            Evaluation(split, clips, data.classes, probabilities, in_mirror=in_mirror),
            about,
        )
    path = find_checkpoint(config, data)
    trained = load_trained(path, config)
    check_fit(trained, data, path)
    chosen = split == "val" and path.stem == "best"
    if chosen:
        print(
            "scored on val, on which the best epoch was chosen, so the scores are a little too good; without `checkpoint` the last epoch is scored"
        )
    elif split == "val" and config.checkpoint_choice == "best":
        print("val chose the best epoch, so the last one is scored")
    if split == "val":
        trained = dataclasses.replace(trained, temperature=1.0)  # it was fitted to these clips
    evaluation = Evaluation(
        split, clips, data.classes, *predict(trained, clips, data.skeleton, data.classes, config)
    )
    beside = " and random convolutions" if trained.convolutions and config.convolutions else ""
    return _judge_together(
        config,
        data,
        evaluation,
        {
            "model": f"DSTformer ({trained.config.preset}, recipe {trained.config.recipe}, epoch {trained.epoch})"
            + beside,
            "checkpoint": path.name,
            "checkpoint_fingerprint": fingerprint(path.read_bytes()),
            "epoch": trained.epoch,
            "temperature": trained.temperature,
            "chosen_on_scored": chosen,
        },
    )


def _judge_together(
    config: Config, data: DataSet, evaluation: Evaluation, about: dict[str, object]
) -> Evaluation:
    """Write the evaluation with the clips of each person judged together, where `config` wants it and people known from training all show the same."""
    known = _known(data, evaluation.split)
    quota = (
        learn_quota(known.labels, known.subjects, len(data.classes))
        if config.quota and data.known_people
        else None
    )
    if quota:
        together = quota.share_out(evaluation.probabilities, evaluation.clips.subjects)
        evaluation = dataclasses.replace(
            evaluation, probabilities=together, alone=evaluation.probabilities
        )
    write_evaluation(config, data, evaluation, about | {"quota": quota.state() if quota else None})
    return evaluation


def write_evaluation(
    config: Config, data: DataSet, evaluation: Evaluation, about: dict[str, object]
) -> None:
    """Write `metrics.json`, `predictions.csv` and `per_class.csv` to the run's folder; `about` says what made the predictions, and by
    which `quota` clips were judged together, if they were."""
    clips, probabilities = evaluation.clips, evaluation.probabilities
    say_who(clips, evaluation.in_mirror)
    alone, beside = None, []
    if evaluation.alone is not None:
        alone = float((evaluation.alone.argmax(1) == clips.labels).mean())
        beside = people_beside(evaluation.alone, probabilities, clips.subjects)
        print(
            f"people in training show each class about as often as one another (a rule of strength {about['quota']['strength']:.2f}, 1 the strictest),\n"
            f"so the clips of each person in {config.run} were judged together; without quota: top-1 {alone:.1%}"
        )
        if beside:
            print(f"the rule does not fit {', '.join(beside)}, whose clips were judged alone")
    bounds = intervals(
        clips.labels, probabilities, clips.subjects, data.classes, config.bootstraps, config.seed
    )
    answered = probabilities.max(1) >= config.reject
    people = len(set(clips.subjects))
    shared = (
        int(people_overlap(data).at["train", evaluation.split])
        if {"train", evaluation.split} <= data.splits.keys()
        else 0
    )
    metrics = (
        score(clips.labels, probabilities, data.classes)
        | {
            "n_test": len(clips),
            "people": people,
            "split": evaluation.split,
            "known_people": data.known_people,
            "people_also_in_train": shared,
            "people_in_mirror": sorted(
                {clips.subjects[i] for i in np.flatnonzero(evaluation.in_mirror)}
            )
            if evaluation.in_mirror is not None
            else [],
            "top1_alone": alone,
            "people_beside_quota": beside,
            "intervals": {
                key: None if np.isnan(bound).any() else bound for key, bound in bounds.items()
            },
            "official": official(clips.labels, probabilities, data.classes, evaluation.regions),
            "F1_mean_interval": official_interval(
                clips.labels,
                probabilities,
                clips.subjects,
                data.classes,
                evaluation.regions,
                config.bootstraps,
                config.seed,
            ),
            "official_without_region_head": official(clips.labels, probabilities, data.classes)
            if evaluation.regions is not None
            else None,
            "calibration_error": calibration_error(clips.labels, probabilities),
            "log_loss": log_loss(clips.labels, probabilities),
            "reject": {
                "below": config.reject,
                "answered": float(answered.mean()),
                "right_of_answered": float(evaluation.correct[answered].mean())
                if answered.any()
                else None,
            },
            "simulated": data.simulated,
            "fingerprint": data.fingerprint(),
            "settings": _answering(config),
        }
        | about
    )
    kept = config.folder.config
    dataclasses.replace(
        Config.of(read_yaml(kept)) if kept.exists() else config, **_answering(config)
    ).save(kept)  # later notebooks go by it
    write_text(config.folder.metrics, json.dumps(metrics, indent=2) + "\n")
    write_csv(evaluation.table(), config.folder.predictions)
    write_csv(evaluation.per_class, config.folder.per_class)


def load_evaluation(config: Config, data: DataSet) -> Evaluation:
    """The run's evaluation as saved, or a new one where there is none of this checkpoint, with these settings, on these data."""
    table_path, metrics_path = config.folder.predictions, config.folder.metrics
    if not (table_path.exists() and metrics_path.exists()):
        return evaluate(config, data)
    metrics, table = (
        json.loads(metrics_path.read_text()),
        pd.read_csv(table_path, dtype={"clip": str, "subject": str}),
    )
    members, now = (
        "members" in metrics,
        _answering(config),
    )  # several runs as one, or a baseline: there is no checkpoint
    others = (
        []
        if metrics.get("settings", now) == now or (members and config.method == "dstformer")
        else [f"settings other than {now}"]
    )
    if not members:
        of_checkpoint = fingerprint(find_checkpoint(config, data).read_bytes())
        same = (metrics.get("fingerprint"), metrics.get("checkpoint_fingerprint")) == (
            data.fingerprint(),
            of_checkpoint,
        )
        others += [] if same else ["other data or another checkpoint"]
    if others:
        print(
            f"the predictions in {config.folder.path.name} belong to {' and '.join(others)}: evaluating anew"
        )
        return evaluate(config, data)
    clips = find_clips(data, table["clip"]) if members else data.splits[metrics["split"]]
    probabilities = table[[f"p_{code}" for code in data.classes.codes]].to_numpy()
    regions = (
        table[[f"r_{name}" for name in data.classes.region_names]].to_numpy()
        if "r_" + data.classes.region_names[0] in table
        else None
    )
    in_mirror = table["in_mirror"].to_numpy(bool) if "in_mirror" in table else None
    alone = (
        table[[f"a_{code}" for code in data.classes.codes]].to_numpy()
        if "a_" + data.classes.codes[0] in table
        else None
    )
    return Evaluation(
        metrics["split"], clips, data.classes, probabilities, regions, in_mirror, alone
    )


def _answering(config: Config) -> dict[str, object]:
    return {name: getattr(config, name) for name in ANSWERING}


def load_other(config: Config, data: DataSet) -> tuple[str, Evaluation]:
    """Name and evaluation of the run that `config.against` names; without one, of the linear model on the same clips, in a run of its own."""
    if not config.against:
        other = dataclasses.replace(
            config, run=f"{config.run}_linear", method="linear", checkpoint=""
        )
    elif not (config.folder.path.parent / config.against / "config.yaml").exists():
        raise InputError(
            f"setting 'against': no run {config.against!r} in {config.folder.path.parent}"
        )
    else:
        other = saved_config(
            {"run": config.against, "outputs": config.outputs, "data_root": str(data.root)}
        )
    return other.run, load_evaluation(other, data)


def compare_with_baselines(config: Config, data: DataSet, evaluation: Evaluation) -> pd.DataFrame:
    """A row a method on the evaluated split: the scores of the model with its intervals, of a linear model, and of always answering
    the largest class. Where the model judges a person's clips together, so does the linear model. The baselines choose nothing,
    so they learn from held-out people too; they are added to the run's `metrics.json`."""
    clips = evaluation.clips
    known = _known(data, evaluation.split)
    if not len(known):
        print("no labelled clips to learn from: no baselines")
        return pd.DataFrame(columns=["method", *SCORES])
    found = {
        name: baselines.METHODS[method](known, clips, data.skeleton, len(data.classes))
        for method, name in (("largest", "always the largest class"), ("linear", "linear model"))
    }
    path = config.folder.metrics
    metrics = json.loads(path.read_text())
    if metrics.get("quota"):
        found["linear model"] = Quota.of(metrics["quota"]).share_out(
            found["linear model"], clips.subjects
        )
    scores = {
        name: score(clips.labels, probabilities, data.classes)
        for name, probabilities in found.items()
    }
    bounds = {
        name: intervals(
            clips.labels,
            probabilities,
            clips.subjects,
            data.classes,
            config.bootstraps,
            config.seed,
        )
        for name, probabilities in found.items()
    }
    metrics |= {"baselines": dict(scores)}
    write_text(path, json.dumps(metrics, indent=2) + "\n")
    model = metrics["model"]
    scores[model], bounds[model] = (
        metrics,
        {key: bound or (np.nan, np.nan) for key, bound in metrics["intervals"].items()},
    )
    return pd.DataFrame(
        [
            {"method": name}
            | {
                key: f"{scores[name][key]:.1%} ({bounds[name][key][0]:.1%} – {bounds[name][key][1]:.1%})"
                for key in SCORES
            }
            for name in scores
        ]
    )


def _known(data: DataSet, scored: str) -> Clips:
    """All labelled clips that a baseline may learn from: it chooses nothing, so those of held-out people, too."""
    return join(
        [
            clips
            for split, clips in data.splits.items()
            if split not in ("test", scored) and clips.labelled
        ]
    )
