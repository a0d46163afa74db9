"""The whole benchmark: every case beside the plain reference, a table and a picture.

Case by case, each written as soon as it is measured, since a whole run takes long.
"""

import json
import platform
from collections.abc import Callable, Iterator

import pandas as pd
import psutil
import torch
from tqdm.auto import tqdm

from benchmarks import pipeline, steps
from benchmarks.first_step import first_step
from benchmarks.kernels import costliest
from benchmarks.measure import COLUMNS, Case, measure, peak_flops
from benchmarks.picture import speed
from benchmarks.steps import BATCH, settings_of
from mbnb.config import Config
from mbnb.devices import free_memory, hand_back_memory, mixed_precision, pick_device
from mbnb.files import replacing, write_text
from mbnb.model.action import PIECE_TOKENS

SIZES = ("demo", "ma52", "lite")
FRAMES = (64, 243)
MEMORY_SHARE = 0.82  # of the free memory, for the reference


def benchmark(config: Config, quick: bool = False) -> pd.DataFrame:
    """Measure everything, print it as it comes, and write it to the run's folder.

    `benchmark.csv`, `.json` and the picture. A row for each task, size and number of frames:
    clips per second of both, their ratio, achieved GFLOP/s and its share of the machine's fastest
    matrix product at the model's shapes; gigabytes and seconds for the first step of a process.
    `quick` takes the smallest sizes only, to try the code.
    """
    device, folder = pick_device(config), config.folder.path
    sizes, frames = (SIZES[:1], FRAMES[:1]) if quick else (SIZES, FRAMES)
    main = "demo" if quick else "ma52"  # the size whose memory and epochs are measured
    rows = []
    for count in frames:
        rows += first_step(settings_of(config, main, count), 2 if quick else BATCH)
    with torch.random.fork_rng(), tqdm(desc="measuring", unit="case", leave=False) as bar:
        torch.manual_seed(config.seed)
        for make in _cases(config, device, sizes, frames, main, quick):
            case = make()
            peak = _peak(case.size, device) if case.flops else None
            rows.append(measure(case, peak, rounds=2 if quick or case.size == "lite" else 3))
            tqdm.write(_line(rows[-1]))
            table = pd.DataFrame(rows, columns=COLUMNS)
            with replacing(folder / "benchmark.csv") as part:
                table.to_csv(part, index=False, float_format="%.4g")
            bar.update()
            case.clean()
            del case  # and with it its memory
    write_text(folder / "benchmark.json", json.dumps(machine(device), indent=2) + "\n")
    for suffix in ("png", "pdf"):
        with replacing(folder / f"benchmark.{suffix}") as part:
            speed(table).savefig(part, format=suffix, dpi=200)
    if device.type == "cuda":
        step, _ = steps.both_steps(settings_of(config, "ma52", max(FRAMES)), BATCH, device)
        kernels = pd.DataFrame(costliest(step, device)[1])
        write_text(folder / "kernels.txt", kernels.to_string(index=False) + "\n")
    return table


def machine(device: torch.device) -> dict[str, object]:
    """Where the numbers come from."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }


def _line(row: dict[str, object]) -> str:
    name = f"{row['task']} {row['size']} {row['frames']} frames, {row['clips']} clips"
    speeds = f"{row['ours']:.3g} against {row['reference']:.3g} {row['unit']}"
    return f"{name}: {speeds}, ratio {row['ratio']:.2f}"


def _cases(
    config: Config,
    device: torch.device,
    sizes: tuple[str, ...],
    frames: tuple[int, ...],
    main: str,
    quick: bool,
) -> Iterator[Callable[[], Case]]:
    """What makes each case, so that only one at a time has its memory."""
    for size in sizes:
        for count in frames:
            settings = settings_of(config, size, count)
            largest = min(fitting_batch(settings, count, device), 4 if quick else BATCH)
            for batch in [largest, 4] if (size, count) == ("ma52", 243) else [largest]:
                yield lambda s=settings, batch=batch: steps.training_step(s, batch, device)
            yield lambda s=settings, batch=largest: steps.evaluation(s, batch, device)
    for count in (*frames, 0):
        clips = 2 * BATCH if quick else 20 * BATCH
        yield lambda count=count, clips=clips: pipeline.input_pipeline(count, clips, device)
    yield lambda: pipeline.loading(20 if quick else 2000)
    for size in dict.fromkeys(("demo", main)):
        settings = settings_of(config, size, 0)
        clips = 8 if quick else 40 * BATCH if device.type == "cuda" else BATCH // 2
        yield lambda s=settings, clips=clips: pipeline.epoch(s, clips, device)


def fitting_batch(settings: Config, frames: int, device: torch.device) -> int:
    """The largest batch that the reference can train on in the free memory, 2 to BATCH clips."""
    # Or what the cases before left with this process would count as taken.
    hand_back_memory()
    torch.cuda.empty_cache()
    dim, heads = settings.dim_feat, settings.num_heads
    values = heads * (frames + steps.JOINTS) + (2 + 12 * settings.mlp_ratio) * dim
    stored = 8 * settings.depth * values  # bytes a token, roughly
    memory = MEMORY_SHARE * free_memory(device)
    return int(max(2, min(BATCH, memory / (2 * stored * frames * steps.JOINTS))))


def _peak(size: str, device: torch.device) -> float:
    """GFLOP/s of the fastest matrix product at the shapes of a model of this size, now."""
    config = Config.of({"preset": size})
    tokens = BATCH * max(FRAMES) * steps.JOINTS if device.type == "cuda" else PIECE_TOKENS
    dtype = torch.bfloat16 if mixed_precision(config, device) else torch.float32
    x = torch.randn(tokens, config.dim_feat, device=device, dtype=dtype)
    return peak_flops(x, (3 * config.dim_feat, round(config.mlp_ratio * config.dim_feat)))
