"""`python -m benchmarks`: measure speed and memory beside a plain reference."""

from typing import Any

import click

from mbnb.__main__ import with_settings
from mbnb.config import Config


@click.command()
@click.option("--quick", is_flag=True, help="The smallest sizes only, to try the code.")
@click.option("--latency", is_flag=True, help="How long one clip takes on one core, instead.")
@click.option("--timeline", is_flag=True, help="How soon the page of an hour opens, instead.")
@click.option("--mending", is_flag=True, help="What bad and missing joints cost, instead.")
@with_settings
def main(quick: bool, latency: bool, timeline: bool, mending: bool, given: dict[str, Any]) -> None:
    """Measure speed and memory; a table and a picture in outputs/benchmark/."""
    from benchmarks.benchmark import benchmark
    from benchmarks.latency import measure_latency

    config = Config.of({"run": "benchmark"}, given)
    if latency:
        click.echo(measure_latency(config, quick).to_string(index=False, float_format="%.2f"))
        return
    if timeline:
        from benchmarks.timeline import measure_timeline

        click.echo(measure_timeline(config, quick).T.to_string(header=False, float_format="%.3g"))
        return
    if mending:
        from benchmarks.mending import measure_mending

        for title, table in measure_mending(config, quick):
            click.echo(f"{title}\n{table.to_string(index=False, float_format='%.1f')}\n")
        return
    click.echo(benchmark(config, quick).to_string(index=False, float_format="%.3g", na_rep=""))
    click.echo(f"picture: {config.folder.path / 'benchmark.png'}")


if __name__ == "__main__":
    main()
