"""Lifted people as files: npz, CSV and BVH of each, a page of players, the video with skeletons."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mbnb.files import InputError, replacing, write_text
from mbnb.formats.bvh import write_bvh
from mbnb.show.page import page_script, rendered
from mbnb.show.player import player
from mbnb.skeleton import load_skeleton
from mbnb.video.folder import safe_names
from mbnb.video.landmarks import fill_gaps
from mbnb.wild.movement import Movement
from mbnb.wild.overlay import write_overlay
from mbnb.wild.source import Source

ABOUT, OVERLAY, PAGE = "about.json", "overlay.mp4", "players.html"
SHOWN = 20_000  # frames of all people on a page; beyond, every second one, every third, …
BLANKED = "no faces are blurred where another tool found the joints: pictures are left empty"
UNITS = (
    "pose (T, 17, 3): from the pelvis, x to the right, y down, z away from the camera, in metres "
    "if the trunk is 0.5 m long; way (T, 3): of the pelvis, in the same unit, without depth; "
    "shift + scale * pose[..., :2] is in the picture, in pixels; joints (T, 17, 3): what was "
    "found, x, y in pixels and a belief of 0 to 1; NaN where nobody was found"
)


@contextmanager
def fresh_folder(out: Path) -> Iterator[Path]:
    """A folder that takes the place of `out`, which is new, empty or of an earlier lift.

    Raises InputError where it is something else: it would be replaced.
    """
    if out.exists() and not (out.is_dir() and ((out / ABOUT).is_file() or not any(out.iterdir()))):
        raise InputError(f"{out}: expected a new or an empty folder, or one of an earlier lift")
    with replacing(out) as part:
        part.mkdir()
        yield part


def write_people(
    out: Path,
    source: Source,
    people: Mapping[str, Movement],
    about: Mapping[str, Any],
    faces: str = "keep",
) -> None:
    """Write everything about lifted people into the folder `out`.

    about: what is to be known of them beside what the source tells. faces: see `shown_frames`.
    """
    names = safe_names(people)
    for name, one in people.items():
        _write_person(out / names[name], one, source.rate)
    if source.video:
        write_overlay(out / OVERLAY, source, people, faces)
    found = {name: f"{one.found.sum()} of {len(one.found)}" for name, one in people.items()}
    facts = dict(about) | {"rate": source.rate, "size": source.size, "frames": found}
    notes = [*source.notes, *([BLANKED] if _is_blank(source, faces) else [])]
    facts |= {"files": names, "notes": notes, "arrays": UNITS}
    write_text(out / ABOUT, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    write_text(out / PAGE, _page(source, people, facts))


def _is_blank(source: Source, faces: str) -> bool:
    return bool(source.video and not source.landmarks and faces == "blur")


def _write_person(path: Path, one: Movement, rate: float) -> None:
    joints = load_skeleton().joints
    arrays = {name: getattr(one, name) for name in ("pose", "way", "scale", "shift", "joints")}
    arrays = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
    with replacing(path.with_name(f"{path.name}.npz")) as part:
        np.savez_compressed(part, **arrays, rate=rate, names=joints)
    placed = one.pose + one.way[:, None]
    columns = [f"{joint}_{axis}" for joint in joints for axis in "xyz"]
    table = pd.DataFrame(placed.reshape(len(placed), -1), columns=columns)
    table.insert(0, "seconds", np.arange(len(placed)) / rate)
    with replacing(path.with_name(f"{path.name}.csv")) as part:
        table.to_csv(part, index_label="frame", float_format="%.4f")
    if one.found.any():
        write_bvh(path.with_name(f"{path.name}.bvh"), fill_gaps(placed, len(placed)), rate)


def _page(source: Source, people: Mapping[str, Movement], facts: Mapping[str, Any]) -> str:
    """A page without a network: players of all people, and the video with the skeletons."""
    every = max(1, -(-sum(len(one.pose) for one in people.values()) // SHOWN))
    clips = [(one.pose + one.way[:, None])[::every] for one in people.values()]
    shown = player(clips, list(people), fps=source.rate / every)
    return rendered(
        "lifted.html",
        facts=facts,
        every=every,
        video=OVERLAY if source.video else "",
        view=shown.fragment(),
        script=page_script(shown.scripts, shown.mount),
    )
