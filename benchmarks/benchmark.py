"""How fast mbnb is beside the plain reference of `benchmarks.plain`: both in one process, in turn, medians of their ratios.

Absolute speeds of a shared machine drift; the ratio of two neighbouring runs hardly does. The first step and its memory are measured
in processes of their own. All clips are random numbers: speed does not depend on what they show.
"""

import json
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from benchmarks import plain
from benchmarks.picture import speed
from mbnb.classes import read_classes
from mbnb.clips import Clips, pack
from mbnb.config import Config
from mbnb.data.dataset import load
from mbnb.data.write import write_dataset
from mbnb.devices import hand_back_memory, keep_freed_memory, mixed_precision, pick_device
from mbnb.files import ROOT, fingerprint, replacing, write_text
from mbnb.model.checkpoints import build_model
from mbnb.model.action import PIECE_TOKENS
from mbnb.prepare.recipe import make_recipe
from mbnb.skeleton import load_skeleton
from mbnb.train.loop import make_fast

SIZES = ("demo", "ma52", "lite")
FRAMES = (64, 243)
BATCH, CLASSES = 24, 52
SPAN = (45, 75)  # frames of the clips of an epoch, as MA-52's demonstration clips have
MEMORY_SHARE = 0.82  # of the free memory, for the reference
LONG = 30  # seconds
IN_A_ROW = 20  # short turns on a GPU that are timed as one


@dataclass(frozen=True)
class Case:
    """One thing to measure: the work of `clips` clips, done by us and by the reference."""

    task: str
    size: str
    frames: int
    clips: int
    ours: Callable[[], object]
    reference: Callable[[], object]
    flops: float = 0.0  # of ours, for all the clips; 0 where arithmetic is not the point
    clean: Callable[[], object] = lambda: None


def benchmark(config: Config, quick: bool = False) -> pd.DataFrame:
    """Measure everything, print it as it comes, and write benchmark.csv, benchmark.json and the figure to the run's folder.

    A row for each task, size and number of frames: clips per second of both, their ratio, achieved GFLOP/s and its share of
    the machine's fastest matrix product at the model's shapes; gigabytes and seconds for the first step of a process. `quick` takes the
    smallest sizes only, to try the code.
    """
    device = pick_device(config)
    sizes, frames = (SIZES[:1], FRAMES[:1]) if quick else (SIZES, FRAMES)
    main = "demo" if quick else "ma52"  # the size whose memory and epochs are measured
    rows = [
        row
        for count in frames
        for row in _first_step(_settings(config, main, count), 2 if quick else BATCH)
    ]
    with torch.random.fork_rng(), tqdm(desc="measuring", unit="case", leave=False) as bar:
        torch.manual_seed(config.seed)
        for make in _cases(config, device, sizes, frames, main, quick):
            case = make()
            rows.append(
                _measure(
                    case,
                    _peak(case.size, device) if case.flops else None,
                    rounds=2 if quick or case.size == "lite" else 3,
                )
            )
            tqdm.write(
                "{task} {size} {frames} frames, {clips} clips: {ours:.3g} against {reference:.3g} {unit}, ratio {ratio:.2f}".format(
                    **rows[-1]
                )
            )
            table = pd.DataFrame(rows)
            with replacing(
                config.folder.path / "benchmark.csv"
            ) as part:  # after every case, since a whole run takes long
                table.to_csv(part, index=False, float_format="%.4g")
            bar.update()
            case.clean()
            del case
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }
    write_text(config.folder.path / "benchmark.json", json.dumps(machine, indent=2) + "\n")
    for suffix in ("png", "pdf"):
        with replacing(config.folder.path / f"benchmark.{suffix}") as part:
            speed(table).savefig(part, format=suffix)
    if device.type == "cuda":
        kernels = _kernels(config, device)
        write_text(config.folder.path / "kernels.txt", kernels + "\n")
        print(kernels)
    return table


def flops_per_clip(config: Config, frames: int, joints: int = 17) -> float:
    """Floating-point operations of one person's forward pass; a training step takes three times as many."""
    dim, hidden = config.dim_feat, config.mlp_ratio * config.dim_feat
    linear = 2 * (4 * dim * dim + 2 * dim * hidden)  # a token's qkv, proj, fc1 and fc2
    attention = 4 * dim  # a token's scores and sums over one other token
    block = 2 * linear + attention * (frames + joints)
    ends = 2 * dim * (config.dim_in + config.dim_rep)
    return frames * joints * (config.depth * (2 * block + 2 * 2 * dim * 2) + ends)


def _settings(config: Config, size: str, frames: int) -> Config:
    """A model of this size that sees every clip stretched to so many frames; 0: as its default recipe has it."""
    length = {"rate": 0.0, "clip_len": frames, "patch": 1} if frames else {}
    return Config.of(
        {
            "preset": size,
            "device": config.device,
            "precision": config.precision,
            "compile": config.compile,
            **length,
        }
    )


def _cases(
    config: Config,
    device: torch.device,
    sizes: tuple[str, ...],
    frames: tuple[int, ...],
    main: str,
    quick: bool,
):
    for size in sizes:
        for count in frames:
            settings = _settings(config, size, count)
            batches = [min(_fitting_batch(settings, count, device), 4 if quick else BATCH)]
            batches += [4] if (size, count) == ("ma52", 243) else []
            for batch in batches:
                yield lambda settings=settings, batch=batch: _training_step(settings, batch, device)
            yield lambda settings=settings, batch=batches[0]: _evaluation(settings, batch, device)
    for count in frames:
        yield lambda count=count: _input_pipeline(count, 2 * BATCH if quick else 20 * BATCH, device)
    yield lambda: _input_pipeline(0, 2 * BATCH if quick else 20 * BATCH, device)
    yield lambda: _loading(20 if quick else 2000)
    for size in dict.fromkeys(("demo", main)):
        count = 40 * BATCH if device.type == "cuda" else BATCH // 2
        yield lambda size=size, count=count: _epoch(
            _settings(config, size, 0), 8 if quick else count, device
        )


def _fitting_batch(settings: Config, frames: int, device: torch.device) -> int:
    """The largest batch, at most BATCH and of two clips at least, whose training step by the reference fits into the memory."""
    if device.type == "cuda":
        return BATCH
    hand_back_memory()  # or what the cases before left with this process would count as taken
    stored = (
        8
        * settings.depth
        * (settings.num_heads * (frames + 17) + (2 + 12 * settings.mlp_ratio) * settings.dim_feat)
    )  # bytes a token, roughly
    return int(
        max(
            2,
            min(
                BATCH, MEMORY_SHARE * psutil.virtual_memory().available / (2 * stored * frames * 17)
            ),
        )
    )


def _measure(case: Case, peak: float | None, rounds: int) -> dict[str, object]:
    times = {"ours": [], "reference": []}
    for _ in range(rounds):
        for name in times:
            work = getattr(case, name)
            # Keeping freed memory is part of what we do; the reference gets what a process has by itself.
            keep_freed_memory(-1 if name == "ours" else 64 << 20)
            # Each is measured as it runs in a row; what takes long pays little for a cold start.
            turns = 1
            if not times[name] or times[name][-1] < LONG:
                began = _now()
                work()
                turns = (
                    max(1, min(IN_A_ROW, int(1 / (_now() - began))))
                    if torch.cuda.is_available()
                    else 1
                )
            began = _now()
            for _ in range(turns):
                work()
            times[name].append((_now() - began) / turns)
            if times[name][-1] > LONG:
                hand_back_memory()  # or the two together would not fit
    ours, reference = (statistics.median(values) for values in times.values())
    ratio = statistics.median(b / a for a, b in zip(*times.values()))
    rate = case.flops / ours / 1e9
    return {
        "task": case.task,
        "size": case.size,
        "frames": case.frames or "native",
        "clips": case.clips,
        "ours": case.clips / ours,
        "reference": case.clips / reference,
        "unit": "clips/s",
        "ratio": ratio,
        "GFLOP/s": rate or np.nan,
        "share of peak": rate / peak if peak else np.nan,
    }


def _now() -> float:
    """Seconds, when all that a GPU was given to do is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak(size: str, device: torch.device) -> float:
    """GFLOP/s of the fastest matrix product at the shapes of a model of this size, now."""
    config = Config.of({"preset": size})
    dtype = torch.bfloat16 if mixed_precision(config, device) else torch.float32
    best = 0.0
    for wide in (3 * config.dim_feat, round(config.mlp_ratio * config.dim_feat)):
        tokens = PIECE_TOKENS if device.type == "cpu" else BATCH * max(FRAMES) * 17
        x, weight = (
            torch.randn(tokens, config.dim_feat, device=device, dtype=dtype),
            torch.randn(wide, config.dim_feat, device=device, dtype=dtype),
        )
        for _ in range(20):
            began = _now()
            for _ in range(5):
                F.linear(x, weight)
            best = max(best, 5 * 2 * x.numel() * wide / (_now() - began) / 1e9)
    return best


def _ours(settings: Config, device: torch.device) -> Callable[[list[Tensor], Tensor], None]:
    """Our training step on the parts of a batch and its labels."""
    model = build_model(settings, CLASSES, 17).to(device).train()
    make_fast(model, settings, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(parts: list[Tensor], labels: Tensor) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(settings, device)):
            output = model(parts)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(output.float(), labels).backward()
        optimizer.step()

    return step


def _reference(settings: Config, device: torch.device) -> Callable[[Tensor, Tensor], None]:
    """The reference's training step on a batch and its labels."""
    weights = dict(
        build_model(Config.of({"preset": settings.preset, "recipe": "parity"}), CLASSES, 17)
        .to(device)
        .state_dict(keep_vars=True)
    )
    optimizer = torch.optim.AdamW(
        [weight for weight in weights.values() if weight.requires_grad], lr=1e-4
    )

    def step(people: Tensor, labels: Tensor) -> None:
        output = plain.logits(weights, people, settings.num_heads, dropout=0.7, training=True)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(output, labels).backward()
        optimizer.step()

    return step


def _steps(
    settings: Config, batch: int, device: torch.device
) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step on `batch` clips of `clip_len` frames, ours and the reference's."""
    labels = torch.randint(0, CLASSES, (batch,), device=device)
    clips = torch.randn(batch, 1, settings.clip_len, 17, settings.dim_in, device=device)
    people = torch.randn(batch, 2, settings.clip_len, 17, 3, device=device)
    ours, reference = _ours(settings, device), _reference(settings, device)
    return lambda: ours([clips], labels), lambda: reference(people, labels)


def _training_step(settings: Config, batch: int, device: torch.device) -> Case:
    ours, reference = _steps(settings, batch, device)
    return Case(
        "training step",
        settings.preset,
        settings.clip_len,
        batch,
        ours,
        reference,
        3 * batch * flops_per_clip(settings, settings.clip_len),
    )


def _evaluation(settings: Config, batch: int, device: torch.device) -> Case:
    frames = settings.clip_len
    model = build_model(settings, CLASSES, 17).to(device).eval()
    weights = (
        build_model(Config.of({"preset": settings.preset, "recipe": "parity"}), CLASSES, 17)
        .to(device)
        .state_dict()
    )
    clips, people = (
        torch.randn(batch, 1, frames, 17, settings.dim_in, device=device),
        torch.randn(batch, 2, frames, 17, 3, device=device),
    )

    @torch.no_grad()
    def ours() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed_precision(settings, device)):
            model([clips])

    @torch.no_grad()
    def reference() -> None:
        plain.logits(weights, people, settings.num_heads)

    return Case(
        "evaluation",
        settings.preset,
        frames,
        batch,
        ours,
        reference,
        batch * flops_per_clip(settings, frames),
    )


def _random_clips(count: int) -> Clips:
    rng = np.random.default_rng(0)
    lengths = rng.integers(SPAN[0], SPAN[1] + 1, count)
    poses = [
        (rng.normal(0, 0.3, (1, 17, 3)) + rng.normal(0, 0.01, (length, 17, 3)).cumsum(0)).astype(
            np.float32
        )
        for length in lengths
    ]
    return pack(
        poses,
        [f"clip{i:06d}" for i in range(count)],
        np.arange(count) % CLASSES,
        [f"person{i % 10}" for i in range(count)],
    )


def _input_pipeline(frames: int, count: int, device: torch.device) -> Case:
    """All clips augmented once, in batches; with 0 frames near their own length, by the reference at 243."""
    clips = _random_clips(count)
    config = Config.of({"preset": "ma52", **({"rate": 0.0, "clip_len": frames} if frames else {})})
    recipe = make_recipe(
        clips, config, load_skeleton(), read_classes("document"), device, training=True
    )
    reference = plain.PlainDataSet(list(clips), frames or 243, np.random.default_rng(0))
    batches = torch.randperm(count).split(BATCH)
    return Case(
        "input pipeline",
        "",
        frames,
        count,
        lambda: [None for _ in recipe.training_batches(batches)],
        lambda: [reference.training_batch(index.tolist()).to(device) for index in batches],
    )


def _loading(count: int) -> Case:
    """A data set on disk that was read before, against one file after another."""
    clips = _random_clips(count)
    root = Path(tempfile.mkdtemp())
    write_dataset(root, {"train": clips}, read_classes("document"))
    config = Config.of({"data_root": str(root), "val_fraction": 0.0})

    def reference() -> None:
        poses = [np.load(root / "train" / name / "pose_3d.npy") for name in clips.names]
        plain.PlainDataSet(poses, 243, np.random.default_rng(0))

    def ours() -> None:
        data = load(config)
        make_recipe(
            data.splits["train"],
            config,
            data.skeleton,
            data.classes,
            torch.device("cpu"),
            training=True,
        )

    def clean() -> None:
        for folder in (root, *ROOT.glob(f"data/cache/{fingerprint(str(root).encode())}-*")):
            shutil.rmtree(folder)

    return Case("loading", "", 0, count, ours, reference, clean=clean)


def _epoch(settings: Config, count: int, device: torch.device) -> Case:
    """Clips of 45 to 75 frames, augmented and trained on: as the default recipe has it, by the reference at 243 frames."""
    clips = _random_clips(count)
    recipe = make_recipe(
        clips, settings, load_skeleton(), read_classes("document"), device, training=True
    )
    data = plain.PlainDataSet(list(clips), 243, np.random.default_rng(0))
    labels = torch.as_tensor(clips.labels, device=device)
    our_step, reference_step = _ours(settings, device), _reference(settings, device)

    def ours() -> None:
        for parts, y in recipe.training_batches(torch.randperm(count).split(BATCH)):
            our_step(parts, y)

    def reference() -> None:
        for index in torch.randperm(count).split(BATCH):
            reference_step(data.training_batch(index.tolist()).to(device), labels[index.to(device)])

    mean = recipe.frames_of.double().mean().item()
    return Case(
        "epoch",
        settings.preset,
        0,
        count,
        ours,
        reference,
        3 * count * flops_per_clip(settings, round(mean / settings.patch)),
    )


def _first_step(settings: Config, batch: int) -> list[dict[str, object]]:
    """What a training step takes of memory in a process of its own, and how long after its start it has made it."""
    peaks, seconds = {}, {}
    for name in ("ours", "reference"):
        began = time.perf_counter()
        # An executor, since a pool waits for ever for a process that the system ended for its memory.
        with (
            tempfile.TemporaryDirectory() as cold,
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        ):
            peaks[name] = pool.submit(_peak_memory, name, settings, batch, cold).result()
            seconds[name] = time.perf_counter() - began
    return [
        {
            "task": task,
            "size": settings.preset,
            "frames": settings.clip_len,
            "clips": batch,
            **found,
            "unit": unit,
            "ratio": found["reference"] / found["ours"],
            "GFLOP/s": np.nan,
            "share of peak": np.nan,
        }
        for task, found, unit in (
            ("peak memory of a training step", peaks, "GB"),
            ("first training step after the start", seconds, "s"),
        )
    ]


def _peak_memory(name: str, settings: Config, batch: int, cold: str) -> float:
    """GB that a training step takes beyond what the process had before, of a GPU's memory where it trains there; what is compiled for it goes to
    the folder `cold`."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = cold
    device = pick_device(settings)
    step = dict(zip(("ours", "reference"), _steps(settings, batch, device)))[name]
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        step()
        return (torch.cuda.max_memory_allocated() - before) / 1e9
    before = psutil.Process().memory_info().rss
    step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / 1e9


def _kernels(config: Config, device: torch.device) -> str:
    """The ten costliest kernels of a training step, and the share of the memory's bandwidth that a step needs at the least."""
    settings = _settings(config, "ma52", max(FRAMES))
    step, _ = _steps(settings, BATCH, device)
    for _ in range(3):
        step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step()
        torch.cuda.synchronize()
    block = torch.empty(1 << 28, device=device)
    times = []
    for work in (lambda: block.copy_(block.flip(0)), step):
        work()
        began = _now()
        work()
        times.append(_now() - began)
    bandwidth = 4 * block.nbytes / times[0]  # flip and copy read and write once each
    model = build_model(settings, CLASSES, 17)
    moved = (
        2
        * model.backbone.bytes_per_token
        * BATCH
        * settings.clip_len
        * 17
        / (2 if mixed_precision(settings, device) else 1)
    )  # written once, read once
    return (
        f"{profile.key_averages().table(sort_by='self_cuda_time_total', row_limit=10)}\n"
        f"memory bandwidth {bandwidth / 1e12:.2f} TB/s; what a step keeps for its gradients takes {moved / bandwidth / times[1]:.0%} of it"
    )
