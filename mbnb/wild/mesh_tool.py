"""The whole way to meshes: a source, a network -> a folder of files."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mbnb.bodies import Body, load_body
from mbnb.bodies.fit import COVERED
from mbnb.config import Config
from mbnb.devices import pick_device
from mbnb.files import ROOT, replacing, write_text
from mbnb.model.checkpoints import tells_poses
from mbnb.model.mesh_files import load_mesh_net
from mbnb.model.weight_files import read_checkpoint
from mbnb.show.meshes import COLOURS, MeshWidget, Moving, mesh_player
from mbnb.show.page import page_script, rendered
from mbnb.video.folder import safe_names
from mbnb.wild.example import simulated_source
from mbnb.wild.files import ABOUT, OVERLAY, fresh_folder
from mbnb.wild.meshes import BodyMovement, finder_of, recover_people
from mbnb.wild.models import write_gltf, write_obj
from mbnb.wild.overlay import draw_over
from mbnb.wild.silhouettes import build_in
from mbnb.wild.source import Source, read_source
from mbnb.wild.surface import draw_surface
from mbnb.wild.tool import chosen_people, load_lifter

PAGE = "meshes.html"
SHOWN = 20_000  # frames of all people on a page; beyond, every second one, every third, …
MOST_FACES = 6000  # of a body that is shown in a page; one with more is shown as the small one
BESIDE = 0.08  # metres beside the joints found, from which on it is said
ARRAYS = ("rotations", "shape", "vertices", "place", "joints")
UNITS = (
    "rotations (T, K, 3, 3): of the joints in `names`, each in its parent's axes, the first in the "
    "camera's, x right, y down, z away; shape (S,): one for the person; vertices (T, V, 3) and "
    "faces (F, 3): from the pelvis, in metres if the trunk is 0.5 m long; place (T, 3): of the "
    "pelvis from the camera, so that focal * (x, y) / z + middle of vertices + place is in the "
    "picture, in pixels; joints (T, 17, 3): what was found, x, y in pixels and a belief of 0 to 1; "
    "NaN where nobody was found"
)


def mesh_into(
    path: Path | None,
    out: Path,
    weights: Path,
    config: Config,
    *,
    person: str | None = None,
    video: Path | None = None,
    layout: str = "",
) -> tuple[Source, dict[str, BodyMovement]]:
    """Bodies of a video or of a file of joints, and all that comes of it in the folder `out`.

    path: None means simulated people. weights: a network that lifts, to whose poses bodies are
    fitted, or one for meshes. Else as `tool.lift_into`. Raises InputError as what is called here
    does.
    """
    body = load_body(_body_of(weights, config))
    lifts = tells_poses(weights)
    network, seen = load_lifter(weights, config) if lifts else load_mesh_net(weights, config, body)
    network = network.to(pick_device(config))
    with fresh_folder(out) as part:
        landmarks = out.with_name(f"{out.name}_landmarks.npz")
        model = ROOT / config.pose_model if config.pose_model else None
        source = (
            read_source(path, landmarks, video, layout, config.fps, model)
            if path
            else simulated_source()[0]
        )
        source = chosen_people(source, path, person)
        how = "fitted to the joints in the picture and to what {} lifts" if lifts else "told by {}"
        seen = dataclasses.replace(seen, fps=source.rate)
        people = recover_people(source, finder_of(network, body, seen), body)
        if lifts and source.landmarks and not model:
            (one,) = people.values()
            if stout := build_in(source, one):
                how += ", as stout as what they cover of the picture, clothes too"
                find = finder_of(network, body, seen, (stout, COVERED))
                people = recover_people(source, find, body)
        about = {"source": path.name if path else "simulated people", "encoder": weights.name}
        about["made"] = f"Bodies, {body.name}, {how.format(weights.name)}."
        _write(part, source, people, about, config.faces)
    return source, people


def _body_of(weights: Path, config: Config) -> str:
    """The body that a network of ours was trained with, unless another of its kind is asked for."""
    carried = read_checkpoint(weights).get("config") or {}
    asked = config.body
    return asked if asked != Config.body or "body" not in carried else carried["body"]


def _write(
    out: Path,
    source: Source,
    people: Mapping[str, BodyMovement],
    about: Mapping[str, Any],
    faces: str,
) -> None:
    names = safe_names(people)
    for name, one in people.items():
        _write_person(out / names[name], one, source)
    if source.video:
        write_mesh_overlay(out / OVERLAY, source, people, faces)
    found = {name: f"{one.found.sum()} of {len(one.found)}" for name, one in people.items()}
    body = next(iter(people.values())).body.name
    facts = dict(about) | {"body": body, "rate": source.rate, "size": source.size}
    facts |= {"frames": found, "files": names, "arrays": UNITS}
    facts["notes"] = [*source.notes, *doubts(people)]
    write_text(out / ABOUT, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    every = max(1, -(-sum(len(one.found) for one in people.values()) // SHOWN))
    shown = player_of(people, source, every)
    page = rendered(
        "lifted.html",
        facts=facts,
        every=every,
        video=OVERLAY if source.video else "",
        view=shown.fragment(),
        script=page_script(shown.scripts, shown.mount),
    )
    write_text(out / PAGE, page)


def doubts(people: Mapping[str, BodyMovement]) -> list[str]:
    """A line for each person whose body lies aside from what was found of them, and where."""
    lines = []
    for name, one in people.items():
        rows = np.flatnonzero(np.nan_to_num(one.aside) > BESIDE)
        if len(rows):
            lines.append(
                f"{name}: in {len(rows)} frames the body's joints lie more than "
                f"{100 * BESIDE:.0f} cm beside those found, in frame "
                f"{np.nanargmax(one.aside)} {100 * np.nanmax(one.aside):.0f} cm"
            )
    return lines


def _write_person(path: Path, one: BodyMovement, source: Source) -> None:
    with replacing(path.with_name(f"{path.name}.npz")) as part, open(part, "wb") as file:
        np.savez_compressed(
            file,
            **{name: getattr(one, name).astype(np.float32) for name in ARRAYS},
            faces=one.body.faces.numpy(),
            names=np.array(one.body.names),
            rate=source.rate,
            focal=one.camera.focal,
            middle=np.array(one.camera.middle),
        )
    if one.found.any():
        write_gltf(path.with_name(f"{path.name}.glb"), one, source.rate)
        rows = np.flatnonzero(one.found)
        write_obj(path.with_name(f"{path.name}.obj"), one, rows[len(rows) // 2])


def write_mesh_overlay(
    path: Path, source: Source, people: Mapping[str, BodyMovement], faces: str = "keep"
) -> None:
    """Write an MP4 file of the source's video with bodies on it, as `overlay.draw_over` has it."""

    def draw(image: Image.Image, t: int, small: float) -> None:
        for i, one in enumerate(people.values()):
            points, surface = small * one.in_picture(t), one.body.faces.numpy()
            draw_surface(image, points, surface, COLOURS[i % len(COLOURS)])

    draw_over(path, source, len(next(iter(people.values())).found), draw, faces)


def player_of(people: Mapping[str, BodyMovement], source: Source, every: int = 1) -> MeshWidget:
    """The people, of `every` so manieth frame one, where the picture shows them; to be turned."""
    moving = []
    for name, one in people.items():
        body = shown_body(one.body)
        own = dataclasses.replace(one, body=body)
        place = own.place + own.first_joint()
        moving.append(
            Moving(name, body, one.rotations[::every], one.shape, place[::every], own.size)
        )
    return mesh_player(moving, source.rate / every)


def shown_body(body: Body) -> Body:
    """A body whose joints and shapes are the same, with as many faces as a page can draw."""
    small = load_body()
    return small if len(body.faces) > MOST_FACES and body.names == small.names else body
