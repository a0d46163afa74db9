"""Bodies by name: the small one that comes with mbnb, Anny where it is there, or SMPL's file."""

import dataclasses
from functools import lru_cache
from pathlib import Path

from mbnb.bodies.anny import POSED, SHIPPED, TOPOLOGIES, read_anny
from mbnb.bodies.body import Body, read_body, write_body
from mbnb.bodies.smpl import SHAPES, read_smpl
from mbnb.files import PACKAGE, ROOT, InputError

SMALL = PACKAGE / "bodies" / f"{SHIPPED}.safetensors"
CACHE = ROOT / "data" / "cache" / "bodies"
ENDINGS = (".npz", ".pkl")


@lru_cache(maxsize=2)
def load_body(name: str = SHIPPED) -> Body:
    """`anny_small`, `anny`, or SMPL from the path of its file.

    Anny is read once, which takes minutes, and then kept in data/cache. Raises InputError.
    """
    if name == SHIPPED:
        return read_body(SMALL)
    if name in TOPOLOGIES:
        return whole_anny().with_joints(POSED)
    path = ROOT / name
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        raise InputError(f"body {name!r}: expected {SHIPPED}, anny, or SMPL's file (.npz or .pkl)")
    return read_smpl(path)


def whole_anny() -> Body:
    """Anny with all its vertices and joints, fingers and toes too, from the cache if it can.

    Raises InputError where it is neither there nor installed.
    """
    path = CACHE / "anny.safetensors"
    if not path.exists():
        print("reading Anny for the first time, which takes some minutes")
        body = read_anny()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_body(body, path)
    return read_body(path)


def write_small(path: Path = SMALL) -> None:
    """Make the body that comes with mbnb of the Anny that is installed."""
    whole = read_anny(SHIPPED).with_joints(POSED)
    few = dict(shapes=whole.shapes[:SHAPES], joint_shapes=whole.joint_shapes[:SHAPES])
    write_body(dataclasses.replace(whole, **few), path, digits=16)
