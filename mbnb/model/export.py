"""Networks with their preparation, exported: as ONNX, and as torch.export's .pt2.

A file takes any number of clips of any length, and carries a card that says what is in it, as JSON:
in ONNX the metadata "mbnb", in a .pt2 the extra file "mbnb.json". Needs the extra `export`.
"""

import contextlib
import hashlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import Dim, ExportedProgram
from tqdm.auto import tqdm

import mbnb
from mbnb.files import InputError, replacing
from mbnb.model.shipped import without_paths
from mbnb.model.whole import WholeAction
from mbnb.model.zoo import Model

CARD = "mbnb"
SUFFIXES = (".onnx", ".pt2")
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
# Frames and numbers of clips with which a file that was written is compared with the network.
TRIED = ((1, 7), (27, 7), (81, 1), (243, 1))
MOST_FRAMES = 100_000  # of a clip that is prepared
SKELETONS = "skeletons in any unit, every joint seen, x right, y down, z away"
# What a file takes, and with it what is left to whoever uses it.
TAKES = {
    "default": f"{SKELETONS}, and their frames a second; smoothed, standardised, resampled inside",
    "lifting": "joints in a picture in any unit, x right, y down, z not looked at, and their "
    "frames a second; standardised and resampled inside",
    "parity": f"{SKELETONS}; prepared inside as MotionBERT's action training does",
    "none": "what the network sees: x and y in a picture from -1 to 1, confidence; nothing is "
    "prepared inside",
}


def export(model: Model, paths: Sequence[Path], origin: str = "") -> dict[Path, float]:
    """Write `model` to files that end in .onnx or .pt2, and try each of them.

    `origin` is a line on where the weights come from. Returns how far each file's outputs are from
    the network's at most. Raises InputError for other files and where packages are missing.
    """
    if wrong := [path for path in paths if path.suffix not in SUFFIXES]:
        wanted = " or ".join(SUFFIXES)
        raise InputError("\n".join(f"{path}: expected a name in {wanted}" for path in wrong))
    missing = [name for name in PACKAGES if not importlib.util.find_spec(name)]
    if missing and any(path.suffix == ".onnx" for path in paths):
        raise InputError(
            f"not installed: {', '.join(missing)}; python -m pip install {' '.join(PACKAGES)}"
        )
    about, apart = json.dumps(card(model, origin), ensure_ascii=False), {}
    bar = tqdm(total=3 * len(paths), desc="exporting", unit="step", leave=False)
    with bar, _quiet():
        for path in paths:
            program = traced(model)  # once for each file, since writing one changes it
            bar.update()
            with replacing(path) as part:
                if path.suffix == ".onnx":
                    _write_onnx(program, model, part, about)
                else:
                    torch.export.save(program, part, extra_files={f"{CARD}.json": about})
            bar.update()
            apart[path] = greatest_difference(model, reader(path))
            bar.update()
    return apart


def traced(model: Model) -> ExportedProgram:
    """The graph of a network with its preparation, for any number of clips of any length."""
    given = tuple(map(torch.as_tensor, example(model, frames=8, clips=3)))
    whole = model.answerer or model.encoder
    return torch.export.export(whole, given, dynamic_shapes=_sizes(model))


def card(model: Model, origin: str = "") -> dict[str, Any]:
    """What is in a file: inputs, outputs, classes, joints, settings, origin."""
    whole, classes, config = model.answerer or model.encoder, model.classes, model.config
    takes = "none" if not whole.sight else "parity" if config.parity else "default"
    takes = "lifting" if getattr(whole.sight, "lifting", False) else takes
    return {
        "mbnb": mbnb.__version__,
        "name": model.path.stem,
        "kind": model.kind,
        "takes": TAKES[takes],
        "inputs": whole.inputs,
        "outputs": whole.outputs,
        "classes": classes.titles if classes else None,
        "regions": classes.regions if classes else None,
        "joints": model.skeleton.joints,
        "fps": config.fps,
        "origin": origin,
        "sha256": hashlib.sha256(model.path.read_bytes()).hexdigest(),
        "config": without_paths(vars(config)),
    }


def example(model: Model, frames: int, clips: int, seed: int = 0) -> list[np.ndarray]:
    """Inputs of the right shapes: somebody who sways, or points in a picture."""
    whole = model.answerer or model.encoder
    rng, joints = np.random.default_rng(seed), len(model.skeleton)
    if whole.sight:
        pose = rng.normal(0, 0.3, (clips, 1, joints, 3))
        pose = pose + rng.normal(0, 0.02, (clips, frames, joints, 3)).cumsum(1)
        further = [np.array(30, np.float32)] if "fps" in whole.inputs else []
        return [pose.astype(np.float32), *further]
    people = (2,) if isinstance(whole, WholeAction) else ()
    shape = (clips, *people, frames, joints, model.backbone.dim_in)
    return [rng.uniform(-1, 1, shape).astype(np.float32)]


def greatest_difference(model: Model, read: Callable[..., list[np.ndarray]]) -> float:
    """How far the outputs of a file are from the network's, for several lengths and batches.

    A share of an output's greatest value where that is above 1.
    """
    whole = model.answerer or model.encoder
    longest = np.inf if whole.sight else model.backbone.maxlen
    worst = 0.0
    for frames, clips in TRIED:
        given = example(model, int(min(frames, longest)), clips, seed=frames)
        with torch.no_grad():
            expected, found = whole(*map(torch.as_tensor, given)), read(*given)
        for one, other in zip(expected, found, strict=True):
            apart = np.abs(one.numpy() - other).max() / max(1.0, float(one.abs().max()))
            worst = max(worst, float(apart))
    return worst


def reader(path: Path, threads: int = 0) -> Callable[..., list[np.ndarray]]:
    """A file that `export` wrote as a function of arrays; 0 threads: as onnxruntime chooses."""
    if path.suffix == ".pt2":
        module = torch.export.load(path).module()
        return lambda *given: [y.detach().numpy() for y in module(*map(torch.as_tensor, given))]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    return lambda *given: session.run(None, dict(zip(names, given)))


def _write_onnx(program: ExportedProgram, model: Model, path: Path, about: str) -> None:
    whole = model.answerer or model.encoder
    onnx = torch.onnx.export(
        program,
        dynamo=True,
        verbose=False,
        input_names=list(whole.inputs),
        output_names=list(whole.outputs),
        dynamic_shapes=_sizes(model),
    )
    onnx.model.metadata_props[CARD] = about
    onnx.model.producer_name, onnx.model.producer_version = CARD, mbnb.__version__
    onnx.save(path)


def _sizes(model: Model) -> tuple[dict[int, Dim] | None, ...]:
    """Which sizes of the inputs are free: how many clips, and their frames."""
    whole = model.answerer or model.encoder
    longest = MOST_FRAMES if whole.sight else model.backbone.maxlen
    frames = 2 if isinstance(whole, WholeAction) and not whole.sight else 1
    free = {0: Dim("clips", max=MOST_FRAMES), frames: Dim("frames", max=longest)}
    return (free, None)[: len(whole.inputs)]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leaves out what torch tells its own developers while it exports."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
