"""An encoder's lifting beside that of simpler networks, trained on the same people for as long."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from mbnb.baselines.lifters import LIFTERS
from mbnb.config import Config
from mbnb.data.motion import Motion
from mbnb.evaluate.lifting import ERRORS, Lifted, score_lifter
from mbnb.evaluate.tables import write_csv
from mbnb.files import ROOT, InputError
from mbnb.model.checkpoints import load_pose_net
from mbnb.model.weight_files import read_checkpoint
from mbnb.scores.intervals import over_people
from mbnb.train.pretrain import pretrain

ENCODER = "encoder"
SIMULATED_SECONDS = 20.0  # the most that simpler networks get on simulated people
SECONDS = 300.0  # that they get where nobody knows how long the encoder was trained
RATE = 1e-3  # their learning rate, as their authors have it


def lift_all(config: Config, data: Motion, seconds: float | None = None) -> dict[str, Lifted]:
    """Test people lifted by an encoder and by simpler networks, by what they are called.

    The encoder is the file `checkpoint` or the run's own; a run without one is pretrained first.
    The others are trained in `lifters/` of the run for `seconds` each, or as long as the encoder
    was, on simulated people at most `SIMULATED_SECONDS`; 0: there are none. Writes `lifting.csv`
    and `lifted_clips.csv`. Raises InputError where nobody is in test, and for a file that lifts
    nothing.
    """
    if "test" not in data.splits:
        raise InputError(f"{data.root}: nobody is in test, so there is nobody to try a lift on")
    path = _encoder_file(config, data)
    network, seen = load_pose_net(path, config)
    lifted = {ENCODER: score_lifter(network, data, seen)}
    if seconds is None:
        seconds = trained_for(path)
        seconds = min(seconds, SIMULATED_SECONDS) if data.simulated else seconds
    for name in LIFTERS if seconds else ():
        network, seen = _trained(name, config, data, seconds)
        lifted[name] = score_lifter(network, data, seen)
    write_csv(lifting_table(lifted, config).reset_index(), config.folder.lifting)
    clips = [one.clips.assign(method=name) for name, one in lifted.items()]
    write_csv(pd.concat(clips), config.folder.lifted_clips)
    return lifted


def _encoder_file(config: Config, data: Motion) -> Path:
    """As `evaluate.score.find_checkpoint` has it for models of actions."""
    if config.checkpoint not in ("", "best", "latest"):
        return ROOT / config.checkpoint
    path = config.folder.latest if config.checkpoint == "latest" else config.folder.best
    if not path.exists():
        print(f"run {config.run!r} has no encoder yet: pretraining it now")
        pretrain(config, data)
    return path


def trained_for(path: Path) -> float:
    """Seconds that the training of a checkpoint took; `SECONDS` where its file does not tell."""
    latest = path.with_name("latest.pt")  # a training goes on after its best epoch
    history = read_checkpoint(latest if latest.exists() else path).get("history") or []
    return sum(row.get("seconds", 0.0) for row in history) or SECONDS


def _trained(name: str, config: Config, data: Motion, seconds: float) -> tuple[nn.Module, Config]:
    """One of `LIFTERS`, trained, and what it sees. Each length of time has a run of its own."""
    own = dataclasses.replace(
        config,
        outputs=str(config.folder.lifters),
        run=f"{name}_{seconds:.0f}s",
        patch=1,
        streams=["joint"],
        lr_backbone=RATE,
        init_from="",
        freeze=[],
        devices=1,
        resume=True,
    )
    pretrain(own, data, network=LIFTERS[name], seconds=seconds)
    network = LIFTERS[name](len(data.skeleton))
    network.load_state_dict(read_checkpoint(own.folder.best)["model"])
    return network.eval(), own


def lifting_table(lifted: dict[str, Lifted], config: Config) -> pd.DataFrame:
    """A row a method: each of `ERRORS` as its mean over all frames, and its 95 % interval.

    The interval `_low` to `_high` is from drawing people anew.
    """
    rows = {}
    for name, one in lifted.items():
        means = _mean_of(one)
        bounds = over_people(means, one.clips["subject"], config.bootstraps, config.seed)
        values = means(np.ones(len(one.clips)))
        rows[name] = {
            f"{error}{end}": number
            for error, value, (low, high) in zip(ERRORS, values, bounds)
            for end, number in (("", value), ("_low", low), ("_high", high))
        }
    return pd.DataFrame(rows).T.rename_axis("method")


def differences(lifted: dict[str, Lifted], config: Config) -> pd.DataFrame:
    """By how many per cent the encoder's errors are below each other method's.

    On the same frames. A row a method and error; `low` to `high` is the 95 % interval from drawing
    people anew.
    """
    ours, rows = _mean_of(lifted[ENCODER]), []
    for name, one in lifted.items():
        if name == ENCODER:
            continue
        theirs = _mean_of(one)

        def below(counts: np.ndarray, theirs=theirs) -> np.ndarray:
            return 100 * (1 - ours(counts) / theirs(counts))

        bounds = over_people(below, one.clips["subject"], config.bootstraps, config.seed)
        values = below(np.ones(len(one.clips)))
        rows += [
            {"below": name, "error": error, "per cent": value, "low": low, "high": high}
            for error, value, (low, high) in zip(ERRORS, values, bounds)
        ]
    return pd.DataFrame(rows)


def _mean_of(lifted: Lifted) -> Callable[[np.ndarray], np.ndarray]:
    """The means of `ERRORS` over all frames, of clips that count (N,) times."""
    errors, frames = lifted.clips[list(ERRORS)].to_numpy(), lifted.clips["frames"].to_numpy()
    return lambda counts: np.average(errors, axis=0, weights=counts * frames)


def by_joint(lifted: dict[str, Lifted], joints: tuple[str, ...]) -> pd.DataFrame:
    """MPJPE of each joint (rows) by each method (columns), in mm."""
    columns = {
        name: np.average(one.joints, axis=0, weights=one.clips["frames"])
        for name, one in lifted.items()
    }
    return pd.DataFrame(columns, index=pd.Index(joints, name="joint"))


def by_kind(lifted: dict[str, Lifted]) -> pd.DataFrame:
    """MPJPE in each kind of movement (rows) by each method (columns), in mm; clips and people."""
    clips = next(iter(lifted.values())).clips
    groups = clips.groupby("kind")
    table = pd.DataFrame({"clips": groups.size(), "people": groups["subject"].nunique()})
    frames = groups["frames"].sum()
    for name, one in lifted.items():
        sums = (one.clips["mpjpe"] * one.clips["frames"]).groupby(one.clips["kind"]).sum()
        table[name] = sums / frames
    return table.sort_values("clips", ascending=False)


def with_intervals(table: pd.DataFrame, errors: Sequence[str] = ERRORS) -> pd.DataFrame:
    """`lifting_table`, or one like it of other `errors`, for the eye: 64.1 (58.0–70.2)."""
    texts = {
        error: [
            f"{value:.1f} ({low:.1f}–{high:.1f})" if np.isfinite(low) else f"{value:.1f}"
            for value, low, high in zip(*(table[f"{error}{end}"] for end in ("", "_low", "_high")))
        ]
        for error in errors
    }
    names = {"mpjpe": "MPJPE", "p_mpjpe": "P-MPJPE", "n_mpjpe": "N-MPJPE"}
    names |= {"mpve": "MPVE", "pa_mpjpe": "PA-MPJPE", "mpve_own_size": "MPVE, own size"}
    return pd.DataFrame(texts, index=table.index).rename(columns=names)


def beside_truth(lifted: Lifted, places: Sequence[int]) -> list[tuple[str, np.ndarray]]:
    """(title, clip) of what was made of some clips, each followed by how the person moved."""
    rows = []
    for place in places:
        clip = lifted.clips.iloc[place]
        rows.append((f"{clip['clip']}: lifted ({clip['mpjpe']:.0f} mm)", lifted.predicted[place]))
        rows.append((f"{clip['clip']}: true", lifted.true[place]))
    return rows
