"""`python -m benchmarks`: measure speed and memory beside a plain reference."""

from typing import Any

import click

from mbnb.__main__ import with_settings
from mbnb.config import Config


@click.command()
@click.option("--quick", is_flag=True, help="The smallest sizes only, to try the code.")
@click.option("--latency", is_flag=True, help="How long one clip takes on one core, instead.")
@click.option("--timeline", is_flag=True, help="How soon the page of an hour opens, instead.")
@click.option("--detection", is_flag=True, help="How movements are found in interviews, instead.")
@with_settings
def main(
    quick: bool, latency: bool, timeline: bool, detection: bool, given: dict[str, Any]
) -> None:
    """Measure speed and memory; a table and a picture in outputs/benchmark/."""
    from benchmarks.benchmark import benchmark
    from benchmarks.latency import measure_latency
    from benchmarks.timeline import measure_timeline

    config = Config.of({"run": "benchmark"}, given)
    if latency:
        click.echo(measure_latency(config, quick).to_string(index=False, float_format="%.2f"))
        return
    if timeline:
        click.echo(measure_timeline(config, quick).T.to_string(header=False, float_format="%.3g"))
        return
    if detection:
        from benchmarks.detection import measure_detection

        table = measure_detection(config, quick)
        click.echo(table.to_string(index=False, float_format="%.3f"))
        return
    click.echo(benchmark(config, quick).to_string(index=False, float_format="%.3g", na_rep=""))
    click.echo(f"picture: {config.folder.path / 'benchmark.png'}")


if __name__ == "__main__":
    main()
