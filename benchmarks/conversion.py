"""Thousands of videos on two workers, killed twice: `python -m benchmarks.conversion VIDEOS`.

Short beginnings of the videos in a folder are linked many times. A conversion of all of them is
killed twice (SIGKILL) and has to be complete at the end, with nothing extracted twice. Then one and
two workers take turns, and the median of their ratios counts, since machines are busy otherwise,
too. What an official data set would take is extrapolated from the seconds a frame and a video.
"""

import argparse
import json
import os
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

MA52 = 22_422  # videos


def main() -> None:
    """Print what was measured, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("videos", type=Path, help="a folder of videos")
    parser.add_argument("--count", type=int, default=2000, help="of links")
    parser.add_argument("--frames", type=int, default=8, help="that each video keeps")
    parser.add_argument("--rounds", type=int, default=5, help="in which 1 and 2 workers take turns")
    parser.add_argument("--each", type=int, default=40, help="videos of a round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = sorted(given.videos.glob("*.mp4"))
        short = [_cut(path, folder / path.name, given.frames) for path in paths]
        found = {"videos": given.count, "frames": given.frames, "cores": os.cpu_count()}
        found |= _killed_twice(_linked(short, folder / "all", given.count), folder / "out")
        print(json.dumps(found), flush=True)
        some, rates = _linked(short, folder / "some", given.each), {1: [], 2: []}
        for _ in range(given.rounds):
            for workers in rates:
                rates[workers].append(_rate(some, folder / "rated", workers))
        ratios = [two / one for one, two in zip(rates[1], rates[2])]
        found |= {"videos_a_second": rates, "median_ratio": statistics.median(ratios)}
        found |= {"extrapolated_hours": _extrapolated(paths, short, folder)}
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
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)


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


def _rate(videos: Path, out: Path, workers: int) -> float:
    """Videos a second from the time on at which every worker has finished some."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(out.with_name(f"{out.name}_landmarks"), ignore_errors=True)
    if _start(videos, out, workers).wait():
        raise SystemExit("a conversion failed")
    done = sorted(path.stat().st_mtime for path in _records(out))[4:]
    return (len(done) - 1) / (done[-1] - done[0])


def _extrapolated(paths: list[Path], short: list[Path], folder: Path) -> dict[str, float]:
    """Hours on one worker for all of MA-52, by what short and whole videos take."""
    times = {}
    for kind, some in {"short": short, "whole": paths}.items():
        many = folder / kind
        many.mkdir()
        for i in range(12):
            shutil.copyfile(some[i % len(some)], many / f"{i:02}.mp4")
        times[kind] = 1 / _rate(many, folder / "rated", 1)
    return {
        "seconds_a_whole_video": times["whole"],
        "seconds_a_short_video": times["short"],
        f"hours_for_{MA52}_videos_one_worker": MA52 * times["whole"] / 3600,
    }


if __name__ == "__main__":
    main()
