"""`python -m benchmarks.gpu PART FOLDER`: one part of what `gpu.sh` measures.

Each part is a process of its own, so that one that fails or takes too long costs nothing but
itself. A result is a line of `results.jsonl` in FOLDER, written as soon as it is known.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from tqdm.auto import tqdm

from benchmarks import pipeline, plain, steps
from benchmarks.benchmark import machine
from benchmarks.first_step import in_a_process
from benchmarks.kernels import costliest
from benchmarks.measure import Case, measure, peak_bandwidth, peak_flops, seconds_of
from benchmarks.steps import settings_of
from mbnb.clips import Clips
from mbnb.config import Config
from mbnb.devices import compile_mode, connect, mixed_precision, pick_device
from mbnb.train.action import ActionTask
from mbnb.train.loop import Training

RESULTS = "results.jsonl"
EPOCH = 11_250  # clips, as MA-52 has for training
Row = dict[str, object]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    model: str = "ma52"
    frames: tuple[int, ...] = (243, 64)
    batch: int = 24
    large_batch: int = 48  # launches count for less, and the reference fits into 80 GB
    epoch: int = 2_250  # clips, a fifth of those that MA-52 has for training
    spans: tuple[tuple[int, int], ...] = ((243, 243), (60, 60), (45, 75))  # frames of its clips
    pipeline: int = 240  # clips
    rounds: int = 3
    matrix: int = 8192  # rows of the product that shows how fast the device can be
    copy: int = 1 << 30  # bytes, likewise


QUICK = Sizes(
    model="demo",
    frames=(32, 16),
    batch=4,
    large_batch=8,
    epoch=16,
    spans=((15, 30),),
    pipeline=24,
    rounds=1,
    matrix=512,
    copy=1 << 24,
)


@dataclass(frozen=True)
class Bench:
    """The device, and how much is measured on it."""

    config: Config
    device: torch.device
    sizes: Sizes

    def settings(self, frames: int, **machine: str) -> Config:
        """Of the measured model with clips of `frames`; 0: as the default recipe has it."""
        config = dataclasses.replace(self.config, **machine)
        return settings_of(config, self.sizes.model, frames)

    def variants(self) -> list[dict[str, str]]:
        """Precision and compilation, what a training chooses by itself first."""
        order = [("bf16", "auto"), ("bf16", "off"), ("float32", "off")]
        variants = [dict(precision=precision, compile=mode) for precision, mode in order]
        return variants if compile_mode(self.config, self.device) else variants[1:]

    def name(self, settings: Config) -> str:
        """Precision and compilation in words."""
        precision = "bf16" if mixed_precision(settings, self.device) else "float32"
        return f"{precision}, {'compiled' if compile_mode(settings, self.device) else 'eager'}"

    def peak(self, precision: str) -> float:
        """GFLOP/s of a large matrix product."""
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        x = torch.randn(self.sizes.matrix, self.sizes.matrix, device=self.device, dtype=dtype)
        return peak_flops(x, (self.sizes.matrix,), rounds=3)


def training(bench: Bench) -> Iterator[Row]:
    """How fast the device can be, and a training step in each way, beside the reference."""
    peaks = {precision: bench.peak(precision) for precision in ("bf16", "float32")}
    bandwidth = peak_bandwidth(bench.device, bench.sizes.copy)
    rates = {f"TFLOP/s in {precision}": peak / 1000 for precision, peak in peaks.items()}
    yield {"kind": "machine"} | machine(bench.device) | rates | {"TB/s": bandwidth / 1e12}
    for number, variant in enumerate(bench.variants()):
        precision = variant["precision"]
        for frames in bench.sizes.frames:
            settings = bench.settings(frames, **variant)
            moved = steps.bytes_per_clip(settings, frames, mixed=precision == "bf16")
            # What a training chooses by itself comes first, and in large batches, too.
            for batch in (bench.sizes.batch, bench.sizes.large_batch)[: 1 if number else 2]:
                case = steps.training_step(settings, batch, bench.device)
                row = measured(case, bench, settings, peaks[precision])
                yield row | {"share of bandwidth": row["ours"] * moved / bandwidth}


def evaluation(bench: Bench) -> Iterator[Row]:
    """Logits of a batch, compiled as during training and not, as for a saved run."""
    compiles = compile_mode(bench.config, bench.device)
    for compiled in (True, False) if compiles else (False,):
        for frames in bench.sizes.frames:
            settings = bench.settings(frames, compile="auto" if compiled else "off")
            batch = 4 * bench.sizes.batch  # as predictions take them
            case = steps.evaluation(settings, batch, bench.device, compiled)
            precision = "bf16" if mixed_precision(settings, bench.device) else "float32"
            yield measured(case, bench, settings, bench.peak(precision))


def epochs(bench: Bench) -> Iterator[Row]:
    """Whole epochs by the training loop: augmentation, steps, clipped gradients, scores.

    Of few clips, whose seconds are told for as many as MA-52 has.
    """
    count, reference = bench.sizes.epoch, None
    for span in bench.sizes.spans:
        data = pipeline.data_set(count, span)
        config = dataclasses.replace(bench.settings(0), epochs=3)
        task = ActionTask(config, data, connect(config), -(-count // config.batch_size))
        training = Training(task, config, data, task.fabric, {})
        with tqdm(disable=True) as bar:
            seconds = [
                seconds_of(partial(training.epoch, i, bar)) for i in range(1, config.epochs + 1)
            ]
        frames = "–".join(str(length) for length in sorted(set(span)))
        share = count / EPOCH
        what = f"epoch, {bench.sizes.model}, {EPOCH:,} clips of {frames} frames"
        # The reference stretches all clips to one length, so that one measurement does for all.
        reference = reference or reference_epoch(bench, data.splits["train"])
        yield speed_row(what, min(seconds[1:]) / share, reference / share, "s")
        first = f"{what}: the first {count:,} of them, with compilation"
        yield speed_row(first, seconds[0], None, "s")


def reference_epoch(bench: Bench, clips: Clips) -> float:
    """Seconds that an epoch takes the reference, by the time of its second ten batches."""
    few = min(10 * bench.sizes.batch, len(clips))
    poses = [clips[i] for i in range(few)]
    data = plain.PlainDataSet(poses, max(bench.sizes.frames), np.random.default_rng(0))
    labels = torch.as_tensor(clips.labels, device=bench.device)
    step = steps.reference_step(bench.settings(0), bench.device)

    def batches() -> None:
        for index in torch.arange(few).split(bench.sizes.batch):
            people = data.training_batch(index.tolist()).to(bench.device)
            step(people, labels[index.to(bench.device)])

    batches()
    seconds = seconds_of(batches) * len(clips) / few
    torch.cuda.empty_cache()  # or it would not be free for the next training
    return seconds


def input_pipeline(bench: Bench) -> Iterator[Row]:
    """Prepared clips, augmented in batches, at their own lengths and at one length."""
    for frames in (0, *bench.sizes.frames):
        case = pipeline.input_pipeline(frames, bench.sizes.pipeline, bench.device)
        yield measured(case, bench)


def start(bench: Bench) -> Iterator[Row]:
    """Seconds from a process's start to its first training step, and memory of the step."""
    frames = bench.sizes.frames[0]
    plain_one = in_a_process(bench.settings(frames), bench.sizes.batch, "reference")
    settings = bench.settings(frames)
    memory, seconds = in_a_process(settings, bench.sizes.batch, "ours")
    size = f"{bench.sizes.model}, {frames} frames, {bench.sizes.batch} clips"
    what = f"{size}, {bench.name(settings)}"
    yield speed_row(f"first step of a process, {what}", seconds, plain_one[1], "s")
    yield speed_row(f"memory of a training step, {what}", memory, plain_one[0], "GB")


def kernels(bench: Bench) -> Iterator[Row]:
    """What a training step launches, and the ten kernels that cost most."""
    for frames in bench.sizes.frames:
        settings = bench.settings(frames)
        step, _ = steps.both_steps(settings, bench.sizes.batch, bench.device)
        whole, rows = costliest(step, bench.device)
        what = f"{bench.sizes.model}, {frames} frames, {bench.name(settings)}"
        yield {"kind": "launches", "what": what} | whole
        for row in rows:
            yield {"kind": "kernel", "what": what} | row


PARTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "kernels": kernels,
    "training": training,
    "evaluation": evaluation,
    "epochs": epochs,
    "pipeline": input_pipeline,
    "start": start,
}


def measured(
    case: Case, bench: Bench, settings: Config | None = None, peak: float | None = None
) -> Row:
    """A case's row of the report."""
    row = measure(case, peak, bench.sizes.rounds)
    frames = "their own length" if row["frames"] == "native" else f"{row['frames']} frames"
    what = f"{case.task}, {case.size}{', ' * bool(case.size)}{case.clips} clips of {frames}"
    what += f", {bench.name(settings)}" if settings else ""
    # The next case's model looks at how much memory is free.
    torch.cuda.empty_cache()
    result = speed_row(what, row["ours"], row["reference"], "clips/s", row["ratio"])
    if peak:
        result["milliseconds"] = 1000 * case.clips / row["ours"]
        result["share of FLOP/s"] = row["share of peak"]
    return result


def speed_row(
    what: str, ours: float, reference: float | None, unit: str, ratio: float | None = None
) -> Row:
    """A row of the report; without a ratio of seconds or gigabytes, of which less is better."""
    if ratio is None and reference is not None:
        ratio = reference / ours
    row = {"kind": "speed", "what": what, "ours": ours, "reference": reference, "unit": unit}
    return row | {"ratio": ratio}


@click.command()
@click.argument("part", type=click.Choice(list(PARTS)))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="A rehearsal: tiny sizes, on the processor too.")
def main(part: str, folder: Path, quick: bool) -> None:
    """Measure one part and add its results to FOLDER/results.jsonl."""
    config = Config()
    device = pick_device(config)
    if device.type != "cuda" and not quick:
        raise click.UsageError("no CUDA GPU here; --quick rehearses on the processor")
    folder.mkdir(parents=True, exist_ok=True)
    measure_part(part, Bench(config, device, QUICK if quick else Sizes()), folder / RESULTS)


def measure_part(part: str, bench: Bench, path: Path) -> None:
    """Add a part's results to a file, each as soon as it is known."""
    torch.manual_seed(0)
    with open(path, "a", encoding="utf-8") as file:
        for row in PARTS[part](bench):
            file.write(json.dumps({"part": part} | row) + "\n")
            file.flush()
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
