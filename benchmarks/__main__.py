"""`python -m benchmarks`: measure speed and memory beside a plain reference."""

from typing import Any

import click

from mbnb.__main__ import with_settings
from mbnb.config import Config


@click.command()
@click.option("--quick", is_flag=True, help="The smallest sizes only, to try the code.")
@click.option("--latency", is_flag=True, help="How long one clip takes on one core, instead.")
@click.option("--timeline", is_flag=True, help="How soon the page of an hour opens, instead.")
@click.option("--fingers", is_flag=True, help="Top-1 with 44 joints and with 17, instead.")
@with_settings
def main(quick: bool, latency: bool, timeline: bool, fingers: bool, given: dict[str, Any]) -> None:
    """Measure speed and memory; a table and a picture in outputs/benchmark/."""
    from benchmarks.benchmark import benchmark
    from benchmarks.fingers import measure_fingers
    from benchmarks.latency import measure_latency
    from benchmarks.timeline import measure_timeline

    config = Config.of({"run": "benchmark"}, given)
    if fingers:
        click.echo(measure_fingers(config, quick).to_string(index=False, float_format="%.1f"))
        return
    if latency:
        click.echo(measure_latency(config, quick).to_string(index=False, float_format="%.2f"))
        return
    if timeline:
        click.echo(measure_timeline(config, quick).T.to_string(header=False, float_format="%.3g"))
        return
    click.echo(benchmark(config, quick).to_string(index=False, float_format="%.3g", na_rep=""))
    click.echo(f"picture: {config.folder.path / 'benchmark.png'}")


if __name__ == "__main__":
    main()
