"""Thousands of videos on two workers, killed twice: `python -m benchmarks.conversion VIDEOS`.

Short beginnings of the videos in a folder are linked many times. A conversion of all of them is
killed twice (SIGKILL) and has to be complete at the end, with nothing extracted twice. Then one and
two workers take turns with two commands of one worker each, which share nothing but the machine:
what two workers lack of twice the rate of one and these two lack as well is the machine's. Rates
are those of the steady state, without the first videos, in which processes start, and without the
last, which one worker may have to itself. What an official data set would take is extrapolated from
the seconds of a video.

`--count 0` leaves out the kills: where nothing else runs, `--count 0 --each 200 --rounds 3` takes
some eight minutes.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from mbnb.video.frames import import_extra, read_video
from mbnb.video.landmarks import extract, extract_pose

MA52 = 22_422  # videos


def main() -> None:
    """Print what was measured, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("videos", type=Path, help="a folder of videos")
    parser.add_argument("--count", type=int, default=2000, help="of links")
    parser.add_argument("--frames", type=int, default=8, help="that each video keeps")
    parser.add_argument("--rounds", type=int, default=5, help="of one and two workers")
    parser.add_argument("--each", type=int, default=200, help="videos of a round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = sorted(given.videos.glob("*.mp4"))
        short = [_cut(path, folder / path.name, given.frames) for path in paths]
        found = {"videos": given.count, "frames": given.frames, "cores": os.cpu_count()}
        found |= {"processor_ms_a_frame": _a_frame(paths, folder)}
        print(json.dumps(found), flush=True)
        if given.count:
            found |= _killed_twice(_linked(short, folder / "all", given.count), folder / "out")
            print(json.dumps(found), flush=True)
        some = [_linked(short, folder / f"some{i}", given.each) for i in range(2)]
        ways = {"one": (some[:1], 1), "two": (some[:1], 2), "two_commands": (some, 1)}
        rates = {way: [] for way in ways}
        for _ in range(given.rounds):
            for way, (videos, workers) in ways.items():
                rates[way].append(_rate(videos, folder / "rated", workers))
                print(json.dumps({way: rates[way][-1]}), flush=True)
        for way in ("two", "two_commands"):
            pairs = zip(rates["one"], rates[way])
            ratios = [two["videos_a_second"] / one["videos_a_second"] for one, two in pairs]
            found |= {f"{way}_to_one": statistics.median(ratios), f"{way}_ratios": ratios}
        found |= {"rates": rates, "extrapolated_hours": _extrapolated(paths, short, folder)}
        print(json.dumps(found, indent=2))


def _cut(path: Path, out: Path, frames: int) -> Path:
    """The first frames of a video as one of its own."""
    av = import_extra("av")
    pictures = [picture for _, (_, picture) in zip(range(frames), read_video(path))]
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return out


def _linked(paths: list[Path], folder: Path, count: int) -> Path:
    """A folder of so many hard links to videos."""
    folder.mkdir()
    for i in range(count):
        os.link(paths[i % len(paths)], folder / f"{i:05}.mp4")
    return folder


def _start(videos: Path, out: Path, workers: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "mbnb", "convert", videos, out, "--workers", workers]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(list(map(str, command)), **quiet)


def _records(out: Path) -> list[Path]:
    return list((out / ".work" / "records").glob("*.json"))


def _killed_twice(videos: Path, out: Path) -> dict:
    """Convert; what is there at each kill and at the end."""
    count, most, began, before = len(list(videos.iterdir())), 0, time.monotonic(), {}
    landmarks, kills = out.with_name(f"{out.name}_landmarks"), []
    for share in (0.3, 0.6, 2.0):
        process = _start(videos, out, 2)
        while process.poll() is None and len(_records(out)) < share * count:
            time.sleep(0.2)
            if process.poll() is None:
                most = max(most, psutil.Process(process.pid).memory_info().rss)
        if process.poll() is None:
            process.kill()
            kills.append(len(_records(out)))
        if process.wait() > 0:
            raise SystemExit(f"the conversion failed with code {process.returncode}")
        # A child ends with the video in hand, after the process that started it.
        time.sleep(3)
        changed = {path: path.stat().st_mtime_ns for path in landmarks.glob("*.npz")}
        again = [path for path in before if before[path] != changed[path]]
        if again:
            raise SystemExit(f"extracted twice: {again}")
        before = changed
    clips = list(out.glob("*/*/pose_3d.npy"))
    whole = sum(np.load(path).shape[1:] == (17, 3) for path in clips)
    left = [path.name for path in (*out.rglob(".*.*"), *landmarks.glob(".*"))]
    seconds = time.monotonic() - began
    found = {"killed_at": kills, "clips": whole, "extracted_twice": 0, "left_unfinished": left}
    return found | {"seconds": round(seconds), "parent_mb": most >> 20}


def _rate(folders: list[Path], out: Path, workers: int) -> dict[str, float]:
    """Videos a second in the middle eight tenths of conversions, a command for each folder.

    With the processor seconds of a video, starts included, which tell whether more processes make
    each other slower. All commands are converted at once.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    outs = [out.with_name(f"{out.name}{i}") for i in range(len(folders))]
    for path in (*outs, *(one.with_name(f"{one.name}_landmarks") for one in outs)):
        shutil.rmtree(path, ignore_errors=True)
    began = time.monotonic()
    processes = [_start(folder, one, workers) for folder, one in zip(folders, outs)]
    if any([process.wait() for process in processes]):
        raise SystemExit("a conversion failed")
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    done = sorted(path.stat().st_mtime for one in outs for path in _records(one))
    middle = done[len(done) // 10 : -(len(done) // 10)]
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "videos_a_second": (len(middle) - 1) / (middle[-1] - middle[0]),
        "with_starts": len(done) / seconds,
        "processor_seconds_a_video": used / len(done),
    }


def _a_frame(paths: list[Path], folder: Path) -> dict[str, float]:
    """Processor milliseconds of a frame of whole videos: pictures, the model, all of extraction.

    Pictures are decoded frames in RGB; whoever finds poses with MediaPipe needs these and the
    model.
    """
    took, frames = dict.fromkeys(("pictures", "pictures_and_model", "extraction"), 0.0), 0
    extract_pose([np.zeros((64, 64, 3), np.uint8)])  # it is loaded before
    for i, path in enumerate(paths):
        steps = {
            "pictures": lambda path=path: sum(1 for _ in read_video(path)),
            "pictures_and_model": lambda path=path: extract_pose(f for _, f in read_video(path)),
            "extraction": lambda path=path, i=i: extract(path, folder / f"frame{i}.npz"),
        }
        for name, step in steps.items():
            before = time.process_time()
            done = step()
            took[name] += time.process_time() - before
            frames += done if name == "pictures" else 0
    return {name: 1000 * seconds / frames for name, seconds in took.items()}


def _extrapolated(paths: list[Path], short: list[Path], folder: Path) -> dict[str, float]:
    """Hours on one worker for all of MA-52, by what short and whole videos take."""
    times = {}
    for kind, some in {"short": short, "whole": paths}.items():
        many = folder / kind
        many.mkdir()
        for i in range(12):
            shutil.copyfile(some[i % len(some)], many / f"{i:02}.mp4")
        times[kind] = 1 / _rate([many], folder / "rated", 1)["videos_a_second"]
    return {
        "seconds_a_whole_video": times["whole"],
        "seconds_a_short_video": times["short"],
        f"hours_for_{MA52}_videos_one_worker": MA52 * times["whole"] / 3600,
    }


if __name__ == "__main__":
    main()
