"""`python -m benchmarks`: measure speed and memory beside a plain reference, or something else."""

from typing import Any

import click
import pandas as pd

from mbnb.__main__ import with_settings
from mbnb.config import Config

# What can be measured instead of speed, and what its option says.
OTHERS = {
    "latency": "How long one clip takes on one core, instead.",
    "timeline": "How soon the page of an hour opens, instead.",
    "mending": "What bad and missing joints cost, instead.",
    "fingers": "Top-1 with 44 joints and with 17, instead.",
    "detection": "How movements are found in interviews, instead.",
}


def with_others(command):
    """Options, one for each of `OTHERS`."""
    for name, text in reversed(OTHERS.items()):
        command = click.option(f"--{name}", "other", flag_value=name, help=text)(command)
    return command


@click.command()
@click.option("--quick", is_flag=True, help="The smallest sizes only, to try the code.")
@with_others
@with_settings
def main(quick: bool, other: str | None, given: dict[str, Any]) -> None:
    """Measure speed and memory; a table and a picture in outputs/benchmark/."""
    config = Config.of({"run": "benchmark"}, given)
    if other == "latency":
        from benchmarks.latency import measure_latency

        show(measure_latency(config, quick), "%.2f")
    elif other == "timeline":
        from benchmarks.timeline import measure_timeline

        click.echo(measure_timeline(config, quick).T.to_string(header=False, float_format="%.3g"))
    elif other == "mending":
        from benchmarks.mending import measure_mending

        for title, table in measure_mending(config, quick):
            click.echo(title)
            show(table, "%.1f")
    elif other == "fingers":
        from benchmarks.fingers import measure_fingers

        show(measure_fingers(config, quick), "%.1f")
    elif other == "detection":
        from benchmarks.detection import measure_detection

        show(measure_detection(config, quick), "%.3f")
    else:
        from benchmarks.benchmark import benchmark

        show(benchmark(config, quick), "%.3g")
        click.echo(f"picture: {config.folder.path / 'benchmark.png'}")


def show(table: pd.DataFrame, numbers: str) -> None:
    """Print a table, its numbers in this format."""
    click.echo(table.to_string(index=False, float_format=numbers, na_rep=""))


if __name__ == "__main__":
    main()
