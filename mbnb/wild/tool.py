"""The whole way: a source, an encoder -> a folder of files."""

import dataclasses
from pathlib import Path

from torch import nn

from mbnb.config import Config
from mbnb.devices import pick_device
from mbnb.files import ROOT, InputError
from mbnb.model.checkpoints import load_pose_net
from mbnb.prepare.detections import FEWEST, can_be_lifted
from mbnb.text import listed
from mbnb.wild.example import simulated_source
from mbnb.wild.files import fresh_folder, write_people
from mbnb.wild.movement import Movement, lift_person
from mbnb.wild.original import write_as_original
from mbnb.wild.source import Source, read_source


def load_lifter(path: Path, config: Config) -> tuple[nn.Module, Config]:
    """An encoder where it is to compute, and what it sees. Raises InputError for another file.

    One of the original's sees as many frames as it has places for, unless the recipe is parity.
    """
    network, seen = load_pose_net(path, config)
    if config.parity and not seen.parity:
        raise InputError(f"{path}: recipe parity needs an encoder of the original's")
    if seen.parity and not config.parity:
        seen = dataclasses.replace(seen, clip_len=seen.maxlen)
    return network.to(pick_device(config)), seen


def lift_people(source: Source, network: nn.Module, config: Config) -> dict[str, Movement]:
    """Everybody of a source, lifted; config: what the network sees."""
    seen = dataclasses.replace(config, fps=source.rate)
    return {
        name: lift_person(joints, source.rate, source.size, network, seen)
        for name, joints in source.people.items()
    }


def chosen_people(source: Source, path: Path | None, person: str | None) -> Source:
    """The source with those people alone of whom there is enough to lift."""
    if person and person not in source.people:
        raise InputError(f"{path}: no person {person!r}; found {', '.join(source.people)}")
    people = {person: source.people[person]} if person else source.people
    enough = {name: joints for name, joints in people.items() if can_be_lifted(joints)}
    if not enough:
        raise InputError(f"{path}: nobody is found with {FEWEST} joints or more in any picture")
    lost = [name for name in people if name not in enough]
    note = [f"too few joints to lift in every picture of {listed(lost)}"] if lost else []
    return dataclasses.replace(source, people=enough, notes=(*source.notes, *note))


def lift_into(
    path: Path | None,
    out: Path,
    encoder: Path,
    config: Config,
    *,
    person: str | None = None,
    video: Path | None = None,
    layout: str = "",
) -> tuple[Source, dict[str, Movement]]:
    """Lift a video or a file of joints and write what comes of it into the folder `out`.

    path: None means simulated people. person: this one alone. The rest as for `read_source`.
    Raises InputError as what is called here does, and for a person who is not there.
    """
    network, seen = load_lifter(encoder, config)
    with fresh_folder(out) as part:
        landmarks = out.with_name(f"{out.name}_landmarks.npz")
        if path:
            model = ROOT / config.pose_model if config.pose_model else None
            source = read_source(path, landmarks, video, layout, config.fps, model)
        else:
            source, _ = simulated_source()
        source = chosen_people(source, path, person)
        people = lift_people(source, network, seen)
        about = {"source": path.name if path else "simulated people", "encoder": Path(encoder).name}
        write_people(part, source, people, about, config.faces)
    return source, people


def lift_as_original(
    path: Path,
    out: Path,
    encoder: Path,
    config: Config,
    *,
    person: str | None = None,
    video: Path | None = None,
) -> Path:
    """By the recipe parity: write `X3D.npy` alone, in pixels where the `video` is named."""
    network, seen = load_lifter(encoder, config)
    return write_as_original(path, out, network, seen, person, video)
