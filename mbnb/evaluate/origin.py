"""What stands behind a model's answers: whom it learned from, and how often it was right."""

from pathlib import Path
from typing import Any

from mbnb.files import fingerprint
from mbnb.model.checkpoints import read_checkpoint
from mbnb.runs import RunFolder, metrics_of
from mbnb.text import counted, too_few

# What the weights that come with mbnb are, where a model started from them.
STARTS = {
    "encoder": "mbnb's encoder, which knows movement without classes",
    "simulated_ma52": "a model that learned from simulated people",
}


def origin(checkpoint: Path) -> str:
    """One line on a checkpoint: what it learned from, and how it did on people it had not seen.

    Scores are those in its run's `metrics.json`, if they are this very file's; else those on the
    people who were held out while it learned.
    """
    content = read_checkpoint(checkpoint)
    learned = _learned(content)
    line = f"{checkpoint.name} learned from {_source(learned)}; {_scored(checkpoint, content)}"
    if learned.get("simulated"):
        line += "; on simulated people a score says nothing about real ones"
    return line


def _learned(content: dict[str, Any]) -> dict[str, Any]:
    """What a file of ours says of its data; of earlier versions the settings name them."""
    learned, settings = content.get("learned"), content.get("config")
    if isinstance(learned, dict) and "simulated" in learned:
        return learned
    if not isinstance(settings, dict) or "data_root" not in settings:
        return {}
    root = settings["data_root"]
    return {"data": Path(root).name, "simulated": not root or "simulated-" in Path(root).name}


def _source(learned: dict[str, Any]) -> str:
    if not learned:
        return "data that the file does not name"
    name = "simulated people" if learned["simulated"] else f"the data set {learned['data']}"
    if "clips" in learned:
        name += f" ({counted(learned['clips'], learned['people'])})"
    if start := learned.get("started_from"):
        name += f", starting from {STARTS.get(start, start)}"
    return name


def _scored(checkpoint: Path, content: dict[str, Any]) -> str:
    folder = RunFolder(checkpoint.resolve().parent.parent)
    metrics = metrics_of(folder) if folder.metrics.exists() else {}
    if metrics.get("checkpoint_fingerprint") == fingerprint(checkpoint.read_bytes()):
        return _of_metrics(metrics)
    history, epoch = content.get("history"), content.get("epoch")
    rows = [row for row in history or [] if row["epoch"] == epoch] if _learned(content) else []
    if not rows or "val_top1" not in rows[0]:
        return "it was not scored on people it had not seen"
    people = _learned(content).get("held_out")
    who = "one person" if people == 1 else f"{people} people" if people else "people"
    return (
        f"on {who} held out from training, on whom its epoch was chosen, it was right in "
        f"{rows[0]['val_top1']:.1%}"
    )


def _of_metrics(metrics: dict[str, Any]) -> str:
    """What a run's metrics say of its top-1, of whose clips."""
    clips, people, shared = (metrics[k] for k in ("n_test", "people", "people_also_in_train"))
    if few := too_few(clips, people):
        return few
    who = f"{people} people unseen in training" if people > 1 else "one person unseen in training"
    if not metrics.get("known_people", True):
        who = "people who are not told apart"
    elif shared:
        who = f"{people} people, {shared} of whom were in training, too,"
    bounds = metrics["intervals"].get("top1")
    interval = f" (95 % interval {bounds[0]:.1%} to {bounds[1]:.1%})" if bounds else ""
    return f"on {who} it was right in {metrics['top1']:.1%} of {clips} clips{interval}"
