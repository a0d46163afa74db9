"""TRC: markers in columns of three, as OpenSim and Pose2Sim have them; OpenSim's other tables.

The header may promise other numbers of frames than there are, and commas may stand for tabs.
"""

import csv
from pathlib import Path

import numpy as np

from mbnb.files import InputError, write_text
from mbnb.formats import people
from mbnb.formats.content import Content
from mbnb.formats.pose_file import PoseFile
from mbnb.formats.space import AXES, placed, turned
from mbnb.skeleton import load_skeleton

EXPECTED = "TRC, markers in columns of three below PathFileType"


def is_it(content: Content) -> bool:
    """Whether it begins as TRC does, or is another table of OpenSim's, which is refused."""
    return content.head.lstrip().startswith(b"PathFileType") or b"\nendheader" in content.head


def read(content: Content, layout: str) -> dict[str, PoseFile]:
    """The markers of one person. Raises InputError for tables of angles and of forces."""
    if not content.head.lstrip().startswith(b"PathFileType"):
        raise InputError(
            "it is a table of OpenSim's (.mot, .sto) of angles or forces of a model, without "
            "places of joints; export markers as TRC, or joints with OpenSim's PointKinematics"
        )
    lines = content.text.splitlines()
    separator = max("\t,;", key=lines[1].count)
    rows = list(csv.reader(lines, delimiter=separator))
    if separator not in lines[1]:  # blanks, of any number
        rows = [line.split() for line in lines]
    told = dict(zip((cell.strip() for cell in rows[1]), rows[2]))
    names = [cell.strip() for cell in rows[3][2:] if cell.strip()]
    numbers = [_numbers(row[2:], 3 * len(names)) for row in rows[4:] if _is_number(row[:1])]
    if not names or not numbers:
        raise InputError("there are no markers or no frames below the header")
    points = np.array(numbers).reshape(len(numbers), len(names), 3)
    called, tracks = people.by_subject(names, points)
    notes = []
    if (frames := told.get("NumFrames", "").strip()) and frames != str(len(points)):
        notes.append(f"the header says {frames} frames, {len(points)} are there")
    if (markers := told.get("NumMarkers", "").strip()) and markers != str(len(names)):
        notes.append(f"the header says {markers} markers, {len(names)} are there")
    rate = float(told.get("DataRate", "").replace(",", ".") or 0) or None
    unit = told.get("Units", "").strip().lower()
    return {"": placed(called, tracks, layout=layout, unit=unit, rate=rate, notes=notes)}


def _is_number(cells: list[str]) -> bool:
    return bool(cells) and cells[0].strip().replace(".", "", 1).replace(",", "", 1).isdigit()


def _numbers(cells: list[str], count: int) -> list[float]:
    """So many numbers, NaN where a cell is empty or missing."""
    cells = (cells + [""] * count)[:count]
    return [float(cell.replace(",", ".")) if cell.strip() else np.nan for cell in cells]


def write_trc(path: Path, pose: np.ndarray, rate: float) -> None:
    """Write our 17 joints (T, 17, 3) as TRC in metres, y up; a joint that was not seen is empty."""
    joints = load_skeleton().joints
    points = turned(np.asarray(pose, np.float64), AXES["y"])  # a turn and back
    count = f"{rate:g}\t{rate:g}\t{len(points)}\t{len(joints)}\tm\t{rate:g}\t1\t{len(points)}"
    about = "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame"
    axes = "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(joints) + 1))
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "\t".join([*about.split(), "OrigNumFrames"]),
        count,
        "Frame#\tTime\t" + "\t\t\t".join(joints),
        f"\t\t{axes}",
        "",
    ]
    for i, frame in enumerate(points):
        cells = ["" if np.isnan(number) else f"{number:.6f}" for number in frame.ravel()]
        lines.append("\t".join([str(i + 1), f"{i / rate:.6f}", *cells]))
    write_text(path, "\n".join(lines) + "\n")
