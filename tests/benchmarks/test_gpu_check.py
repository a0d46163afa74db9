"""What measures on a GPU, rehearsed: its parts, what is left when one fails, and its report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from benchmarks import gpu, gpu_report
from mbnb.config import Config
from mbnb.files import ROOT

SCRIPT = ROOT / "benchmarks" / "gpu.sh"
TINY = gpu.Sizes(
    model="demo",
    frames=(8,),
    batch=2,
    large_batch=3,
    epoch=4,
    spans=((8, 12),),
    pipeline=4,
    rounds=1,
    matrix=64,
    copy=1 << 16,
)
SPEED = {"kind": "speed", "part": "training", "unit": "clips/s", "reference": 100.0}


def rows_of(part, folder, sizes=TINY):
    path = folder / "results.jsonl"
    bench = gpu.Bench(Config.of({"device": "cpu"}), torch.device("cpu"), sizes)
    gpu.measure_part(part, bench, path)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("part", ["training", "evaluation", "epochs", "pipeline"])
def test_every_part_measures_what_the_report_shows(part, tmp_path):
    rows = rows_of(part, tmp_path)
    assert rows and all(row["part"] == part for row in rows)
    if part == "training":
        machine = rows.pop(0)
        assert min(machine[name] for name in ("TFLOP/s in bf16", "TB/s")) > 0
        assert "TB/s" in gpu_report.report([machine])
    assert all(row["ours"] > 0 and (row["ratio"] or 1) > 0 for row in rows)
    table = gpu_report.report(rows).splitlines()
    assert sum(row["what"] in line for row in rows for line in table) >= len(rows)
    if part == "training":
        assert {"bf16, eager", "float32, eager"} == {
            row["what"].split("frames, ")[1] for row in rows
        }
        assert all(0 < row["share of bandwidth"] for row in rows)


def test_the_costliest_kernels_are_listed(tmp_path):
    whole, *kernels = rows_of("kernels", tmp_path)
    assert whole["launches"] > 100 and 0 < whole["busy"] <= 1.5
    assert len(kernels) == 10
    shares = [row["share"] for row in kernels]
    assert shares == sorted(shares, reverse=True) and sum(shares) <= 1
    text = gpu_report.report([whole, *kernels])
    assert all(row["name"][:90] in text for row in kernels)


def test_what_was_measured_before_a_failure_is_kept(tmp_path, monkeypatch):
    def breaks(bench):
        yield SPEED | {"what": "the first", "ours": 200.0, "ratio": 2.0}
        raise RuntimeError("out of memory")

    monkeypatch.setitem(gpu.PARTS, "training", breaks)
    with pytest.raises(RuntimeError):
        rows_of("training", tmp_path)
    (row,) = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert row["what"] == "the first" and row["ours"] == 200


def test_goals_are_judged_by_what_they_name():
    step = "training step, ma52, 24 clips of 243 frames, bf16, compiled"
    epoch = "epoch, ma52, 11,250 clips of 60 frames"
    seconds = SPEED | {"unit": "s", "ratio": 9.0}
    text = gpu_report.report(
        [
            SPEED | {"what": step, "ours": 2600.0, "ratio": 14.0},
            seconds | {"what": epoch, "ours": 1.9},
            seconds | {"what": f"{epoch}: the first, with compilation", "ours": 60.0},
            {"kind": "fault", "part": "kernels", "why": "its time was over"},
        ],
        tests="29 passed in 40 s",
    )
    assert "≥ 15 ×: missed, 14" in text
    assert "≥ 2,500 clips/s: reached, 2,600" in text
    assert "≤ 2 s: reached, 1.9" in text and "≤ 5 s" not in text
    assert "kernels did not end: its time was over" in text and "29 passed in 40 s" in text


def test_the_parts_of_the_script_fit_into_eight_minutes():
    text = SCRIPT.read_text()
    budgets = dict(re.findall(r"\b([a-z]+):(\d+)\b", text.partition("for budget in")[2]))
    assert set(budgets) == set(gpu.PARTS)
    (tests,) = re.findall(r"^part tests (\d+)", text, re.MULTILINE)
    assert int(tests) + sum(map(int, budgets.values())) <= 480


def test_the_script_ends_with_a_report_when_its_time_is_over(tmp_path):
    environment = os.environ | {"PYTHON": sys.executable, "SECONDS_IN_ALL": "0"}
    command = ["bash", str(SCRIPT), "--quick", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for part in ("tests", *gpu.PARTS):
        assert f"{part} did not end: its time was over" in done.stdout
    assert Path(tmp_path / "out" / "report.md").read_text() in done.stdout


def test_a_machine_without_a_gpu_is_told_to_rehearse(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = CliRunner().invoke(gpu.main, ["training", str(tmp_path)])
    assert done.exit_code == 2 and "--quick" in done.output
