"""`python -m benchmarks.gpu_report FOLDER`: what `gpu.sh` measured, as tables for `README.md`.

It needs nothing but the standard library, so that nothing keeps it from telling what is known.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

Row = dict[str, object]
# The goals: words that a row's name holds, what is judged, how it must compare, with what.
GOALS: list[tuple[tuple[str, ...], str, Callable[[float, float], bool], float, str]] = [
    (("training step", "24 clips of 243", "bf16"), "ratio", float.__ge__, 15.0, "≥ 15 ×"),
    (("training step", "clips of 243", "bf16"), "ours", float.__ge__, 2500.0, "≥ 2,500 clips/s"),
    (("epoch", "of 243 frames"), "ours", float.__le__, 5.0, "≤ 5 s"),
    (("epoch", "of 60 frames"), "ours", float.__le__, 2.0, "≤ 2 s"),
]


def report(rows: list[Row], tests: str = "") -> str:
    """All that was measured; what is missing is left out."""
    of_kind = {
        kind: [row for row in rows if row["kind"] == kind]
        for kind in ("machine", "speed", "launches", "kernel", "fault")
    }
    parts = [_machine(row) for row in of_kind["machine"]]
    parts += [f"Tests on the device: {tests}"] if tests else []
    parts += [f"{row['part']} did not end: {row['why']}" for row in of_kind["fault"]]
    if of_kind["speed"]:
        parts += [_speeds(of_kind["speed"]), _goals(of_kind["speed"])]
    for whole in of_kind["launches"]:
        kernels = [row for row in of_kind["kernel"] if row["what"] == whole["what"]]
        parts.append(_kernels(whole, kernels))
    return "\n\n".join(parts)


def _machine(row: Row) -> str:
    numbers = f"{row['TFLOP/s in bf16']:.3g} TFLOP/s in bfloat16, "
    numbers += f"{row['TFLOP/s in float32']:.3g} in float32, {row['TB/s']:.3g} TB/s"
    return f"{row['device']}, torch {row['torch']}, Python {row['python']}: {numbers}."


def _speeds(rows: list[Row]) -> str:
    table = ["| | mbnb | reference | ratio | ms | of peak FLOP/s | of bandwidth |"]
    table.append("|---|---|---|---|---|---|---|")
    for row in rows:
        speeds = [_number(row.get(name), row["unit"]) for name in ("ours", "reference")]
        ratio, milliseconds = row["ratio"], row.get("milliseconds")
        shares = [row.get(f"share of {name}") for name in ("FLOP/s", "bandwidth")]
        cells = [
            row["what"],
            *speeds,
            f"{ratio:.1f} ×" if ratio else "",
            f"{milliseconds:.3g}" if milliseconds else "",
            *(f"{share:.0%}" if share else "" for share in shares),
        ]
        table.append(f"| {' | '.join(cells)} |")
    return "\n".join(table)


def _goals(rows: list[Row]) -> str:
    lines = []
    for words, key, reaches, goal, text in GOALS:
        values = [
            float(row[key])
            for row in rows
            if all(word in row["what"] for word in words) and "the first" not in row["what"]
        ]
        if values:
            best = (max if reaches is float.__ge__ else min)(values)
            verdict = "reached" if reaches(best, goal) else "missed"
            lines.append(f"- {', '.join(words)}, {text}: {verdict}, {_number(best)}")
    return "\n".join(["Goals:", *lines]) if lines else "No goal was measured."


def _kernels(whole: Row, kernels: list[Row]) -> str:
    lines = [
        f"{whole['what']}: {whole['launches']:.0f} launches in {whole['milliseconds']:.3g} ms, "
        f"{whole['busy']:.0%} of which the device works.",
        "",
        "| kernel | calls | ms | share |",
        "|---|---|---|---|",
    ]
    for row in kernels:
        numbers = f"{row['calls']:.0f} | {row['milliseconds']:.3f} | {row['share']:.0%}"
        lines.append(f"| {row['name'][:90].replace('|', '¦')} | {numbers} |")
    return "\n".join(lines)


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    return (f"{value:,.0f}" if value >= 100 else f"{value:.3g}") + f" {unit}" * bool(unit)


def main(folder: Path) -> None:
    """Print the report and write it to `report.md`."""
    results, log = (read(folder / name) for name in ("results.jsonl", "log.txt"))
    summaries = re.findall(r"^=+ (.*\b(?:passed|failed|skipped|error).*) =+$", log, re.MULTILINE)
    rows = [json.loads(line) for line in results.splitlines()]
    text = report(rows, summaries[-1] if summaries else "")
    (folder / "report.md").write_text(text + "\n", encoding="utf-8")
    print(text)


def read(path: Path) -> str:
    """A file's text, none where there is no such file."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
