"""The command line: `python -m mbnb COMMAND --help`. Thin over the functions that the notebooks use."""

import contextlib
import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import click
import pandas as pd
import yaml

from mbnb.classes import BUILT_IN, ClassTable, read_classes
from mbnb.config import Config, read_yaml
from mbnb.files import InputError, fault_line

PATHS = (
    "data_root",
    "outputs",
    "recipes",
    "checkpoint",
    "init_from",
    "videos",
    "video_labels",
    "class_table",
)


class _Commands(click.Group):
    """Turns a user's mistake into one clear message and exit code 2, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(2)


def _settings(command):
    command = click.option(
        "-f",
        "--file",
        "files",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        multiple=True,
        help="A YAML file of settings; later files win.",
    )(command)
    return click.option(
        "-p",
        "--parameter",
        "parameters",
        nargs=2,
        multiple=True,
        metavar="KEY VALUE",
        help="A setting, as in `-p epochs 5`; wins over files.",
    )(command)


def _collect(
    files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...], **more: Any
) -> dict[str, Any]:
    """One dictionary of settings. Relative paths of the command line start at the current folder, and so do those of files
    where there is such a path; else they start at the checkout."""
    given: dict[str, Any] = {}
    for file in files:
        given |= read_yaml(file)
    for key, value in parameters:
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            given[key] = value
        if key in PATHS or key == "run":
            given[key] = (
                str(Path(value).resolve())
                if key in PATHS and value not in ("", *BUILT_IN)
                else value
            )
    given |= {key: value for key, value in more.items() if value is not None}
    for key in PATHS:
        if given.get(key) and Path(str(given[key])).exists():
            given[key] = str(Path(str(given[key])).resolve())
    return given


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """mbnb: recognise micro-actions from 3D skeletons."""


@main.command()
@click.argument("notebooks", nargs=-1)
@_settings
def run(
    notebooks: tuple[str, ...], files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]
) -> None:
    """Execute NOTEBOOKS (beginnings of names such as 01 03; all if none are named) and write outputs/<run>/report.html."""
    from papermill.exceptions import PapermillExecutionError

    from mbnb.run.notebooks import choose_notebooks, explain, run_notebooks

    given = _collect(files, parameters)
    chosen = choose_notebooks(notebooks)
    if not notebooks and given.get("data_root") and not given.get("videos"):
        chosen = [path for path in chosen if not path.name.startswith("02")]
        click.echo(
            "02 is left out: the data are skeletons already (name `videos` or the notebook to run it)"
        )
    try:
        click.echo(f"report: {run_notebooks(chosen, given)}")
    except PapermillExecutionError as error:
        click.echo(f"error: {explain(error, Config.of(given).folder.path / 'notebooks')}", err=True)
        sys.exit(1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_settings
def verify(folder: Path, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]) -> None:
    """List every problem of the data set in FOLDER; exit code 1 where one would break a training."""
    from mbnb.data import dataset

    config = Config.of(_collect(files, parameters, data_root=str(folder)))
    table = dataset.verify(folder, config)
    for row in table.itertuples():
        click.echo(
            f"{row.severity}: {fault_line(row.file, None if pd.isna(row.line) else row.line, row.problem)}"
        )
    errors = int((table["severity"] == "error").sum())
    click.echo(f"{errors} errors, {len(table) - errors} warnings")
    if errors == 0:
        click.echo(dataset.load(config).describe())
    sys.exit(1 if errors else 0)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--packed", is_flag=True, help="One npz file a split instead of a folder a clip.")
@_settings
def simulate(
    folder: Path, packed: bool, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]
) -> None:
    """Write simulated people into FOLDER in the documented layout."""
    from mbnb.data.simulated import simulated_splits
    from mbnb.data.write import write_dataset

    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: expected an empty or a new folder")
    splits = simulated_splits(Config.of(_collect(files, parameters)))
    write_dataset(folder, splits, read_classes("document"), packed, simulated=True)
    click.echo(
        f"{folder}: simulated people; {', '.join(f'{split} {len(clips)} clips' for split, clips in splits.items())}"
    )


@main.command()
@_settings
def train(files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]) -> None:
    """Train into outputs/<run>/, going on where an earlier training of the same settings stopped."""
    from mbnb.data import dataset
    from mbnb.train import loop as training

    config = Config.of(_collect(files, parameters))
    data = dataset.load(config)
    click.echo(data.describe())
    history = training.train(config, data)
    click.echo(history.tail(1).T.to_string(header=False))
    click.echo(f"checkpoints: {config.folder.path / 'checkpoints'}")


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_settings
def evaluate(
    checkpoint: Path, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]
) -> None:
    """Score CHECKPOINT on unseen people of its data set, or of the one that -p data_root names."""
    from mbnb.data import dataset
    from mbnb.evaluate import evaluation

    config = _with_checkpoint(checkpoint, files, parameters)
    data = dataset.load(config)
    click.echo(data.describe())
    evaluation.evaluate(config, data)
    click.echo(config.folder.metrics.read_text(encoding="utf-8"), nl=False)


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--split",
    default="test",
    show_default=True,
    help="Which split of FOLDER, as it is stored there.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV file; else the table goes to standard output.",
)
@click.option(
    "--together",
    is_flag=True,
    help="These people were asked for the same movements as those in training: judge each person's clips together.",
)
@_settings
def predict(
    checkpoint: Path,
    folder: Path,
    split: str,
    out: Path | None,
    together: bool,
    files: tuple[Path, ...],
    parameters: tuple[tuple[str, str], ...],
) -> None:
    """Write a CSV with the probability of every class for each clip of FOLDER, labelled or not."""
    from mbnb.data import dataset
    from mbnb.evaluate import evaluation
    from mbnb.model.checkpoints import load_trained
    from mbnb.people.quota import people_beside

    config = _with_checkpoint(
        checkpoint,
        files,
        (
            *parameters,
            ("data_root", str(folder)),
            ("val_fraction", "0"),
            ("fold", "0"),
            ("pool", "false"),
        ),
    )
    data = dataset.load(config)
    if split not in data.splits:
        raise InputError(f"{folder}: no split {split!r}; there are {', '.join(data.splits)}")
    trained = load_trained(checkpoint, config)
    classes = trained.classes or data.classes
    evaluation.check_fit(trained, dataclasses.replace(data, classes=classes), checkpoint)
    probabilities, regions, _ = evaluation.predict(
        trained, data.splits[split], data.skeleton, classes, config
    )
    if together:
        if trained.quota is None:
            raise InputError(
                f"{checkpoint}: the people it was trained on did not all show the same classes equally often, so --together has no rule to go by"
            )
        alone, probabilities = (
            probabilities,
            trained.quota.share_out(probabilities, data.splits[split].subjects),
        )
        if beside := people_beside(alone, probabilities, data.splits[split].subjects):
            click.echo(
                f"judged alone, since what people in training showed does not fit them: {', '.join(beside)}",
                err=True,
            )
    clips = data.splits[split]
    table = evaluation.prediction_table(
        clips.names, classes, probabilities, regions, config.reject, clips.subjects
    )
    if out:
        evaluation.write_csv(table, out)
        click.echo(f"{out}: {len(table)} clips", err=True)
    else:
        table.to_csv(sys.stdout, index=False, float_format="%.6g")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--share",
    default="1/1",
    show_default=True,
    metavar="I/N",
    help="Every N-th training from the I-th on, to divide a grid among machines.",
)
@_settings
def grid(
    file: Path, share: str, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]
) -> None:
    """Train and evaluate every run that FILE describes, skipping finished ones, and print the leaderboard.

    FILE holds settings for all runs, `variants:` (a name and its settings each) and `grid:` (a list of values for each setting).
    """
    from mbnb.evaluate.ensemble import leaderboard
    from mbnb.run.notebooks import plan_grid, run_grid

    first, _, every = share.partition("/")
    if not (first.isdecimal() and every.isdecimal() and 1 <= int(first) <= int(every)):
        raise InputError(f"--share: expected I/N with I from 1 to N, found {share!r}")
    plan = plan_grid(_collect((file, *files), parameters))
    run_grid(plan, (int(first), int(every)), notebooks=("03", "04"))
    settings = {name: one for runs in plan.values() for name, one in runs.items()}
    table = leaderboard(Config.of(next(iter(settings.values()))).folder.path.parent)
    _print_leaderboard(table[table["run"].isin(settings)])


@main.command("leaderboard")
@_settings
def _leaderboard(files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]) -> None:
    """List all evaluated runs, the best first."""
    from mbnb.evaluate.ensemble import leaderboard

    _print_leaderboard(leaderboard(Config.of(_collect(files, parameters)).folder.path.parent))


def _print_leaderboard(table: pd.DataFrame) -> None:
    click.echo(
        table.to_string(index=False, float_format="%.3f", na_rep="")
        if len(table)
        else "no evaluated run"
    )


@main.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--weights", help="A number for each source, as in 2,2,1,1; else all count the same.")
@_settings
def combine(
    sources: tuple[str, ...],
    weights: str | None,
    files: tuple[Path, ...],
    parameters: tuple[tuple[str, str], ...],
) -> None:
    """Make one run (`-p run NAME`) of SOURCES: evaluated runs, and CSV files of other models' scores (clip, then a column a class).

    The same clips in several sources are averaged, an ensemble; folds with different people are pooled. CSV files alone need no labels: their
    mean can be submitted.
    """
    from mbnb.evaluate import ensemble as ensembles

    given = _collect(files, parameters)
    config = Config.of({"run": "ensemble"}, given)
    try:
        numbers = [float(weight) for weight in weights.split(",")] if weights else None
    except ValueError:
        raise InputError(f"--weights: expected numbers between commas, found {weights!r}") from None
    if all(Path(source).is_file() for source in sources):
        click.echo(
            f"no scores, since no run says what is true: {ensembles.fuse(config, [Path(source) for source in sources], _classes(given), numbers)}"
        )
        return
    ensembles.combine(config, sources, numbers)
    click.echo(config.folder.metrics.read_text(encoding="utf-8"), nl=False)


@main.command()
@click.argument("predictions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--sample",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="This year's sample submission, or its list of clips.",
)
@click.option(
    "--out",
    default="submission.zip",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
)
@_settings
def submit(
    predictions: Path,
    sample: Path,
    out: Path,
    files: tuple[Path, ...],
    parameters: tuple[tuple[str, str], ...],
) -> None:
    """Write a challenge submission from PREDICTIONS, a table that `predict` or an evaluation wrote, checked against the sample first."""
    from mbnb.evaluate.ensemble import read_regions, read_scores
    from mbnb.scores.challenge import write_submission

    classes = _classes(_collect(files, parameters))
    count = write_submission(
        out, sample, read_scores(predictions, classes), classes, read_regions(predictions, classes)
    )
    click.echo(f"{out}: {count} clips")


@main.command()
@click.argument("name", metavar="RUN")
@click.option(
    "--watch",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Show it anew every so many seconds until the training is finished; Ctrl-C ends it.",
)
@_settings
def monitor(
    name: str, watch: float | None, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]
) -> None:
    """Show how the training of RUN (a name or a folder) is going, or how far it came, and draw its curves."""
    from mbnb.show import figures
    from mbnb.train.monitor import progress, read_history

    folder = Path(name)
    given = (
        {"outputs": str(folder.resolve().parent), "run": folder.resolve().name}
        if folder.is_dir()
        else {"run": name}
    )
    config = Config.of(_collect(files, parameters), given)
    text, finished = progress(config.folder.path)
    click.echo(text)
    with contextlib.suppress(KeyboardInterrupt):  # whoever has seen enough still gets the curves
        while watch and not finished:
            time.sleep(watch)
            text, finished = progress(config.folder.path)
            click.clear()
            click.echo(text)
    history, regions = read_history(config.folder.path)
    if len(history):
        caption = f"{figures.CAPTIONS['curves']} Run {config.run}, epochs 1 to {history['epoch'].iloc[-1]}."
        click.echo(
            f"curves: {figures.save_figure(figures.curves(history, regions), config, 'curves', caption)}"
        )


@main.command()
@click.option("--quick", is_flag=True, help="The smallest sizes only, to try the code.")
@_settings
def bench(quick: bool, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]) -> None:
    """Measure speed and memory beside a plain reference; a table and a picture in outputs/benchmark/."""
    from benchmarks.benchmark import benchmark

    config = Config.of({"run": "benchmark"}, _collect(files, parameters))
    click.echo(benchmark(config, quick).to_string(index=False, float_format="%.3g", na_rep=""))
    click.echo(f"picture: {config.folder.path / 'benchmark.png'}")


def _classes(given: dict[str, Any]) -> ClassTable:
    """Of the data that are given, if any; else the official MA-52 list or the class table that is given."""
    from mbnb.data import dataset

    config = Config.of({"class_table": "ma52"}, given)
    return dataset.load(config).classes if config.data_root else read_classes(config.class_table)


def _with_checkpoint(
    checkpoint: Path, files: tuple[Path, ...], parameters: tuple[tuple[str, str], ...]
) -> Config:
    """The settings that the checkpoint carries, then the user's; results go to the checkpoint's own run, or to one of its name."""
    from mbnb.model.checkpoints import read_checkpoint

    own = read_checkpoint(checkpoint).get("config")
    return Config.of(
        own if isinstance(own, dict) else {"run": checkpoint.stem},
        _collect(files, parameters),
        {"checkpoint": str(checkpoint.resolve())},
    )


if __name__ == "__main__":
    main()
