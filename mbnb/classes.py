"""Class tables: which micro-action an id stands for, and in which region it happens.

`document52.csv` is the list of 52 classes A1-D17 in four regions that this system was asked for
with. `ma52.csv` is the official MA-52 list (Guo et al., TCSVT 2024): 52 actions under seven body
parts. `ma52_still.csv` is the same with a 53rd class, that nothing happens. A data set may bring a
table of its own.
"""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mbnb.files import ROOT, TABLES, InputError, read_table, replacing
from mbnb.text import whole_number

BUILT_IN = {
    "document": TABLES / "document52.csv",
    "ma52": TABLES / "ma52.csv",
    "ma52_still": TABLES / "ma52_still.csv",
}
COLUMNS = ("class_id", "code", "name", "region")


@dataclass(frozen=True)
class ClassTable:
    """Codes, names and regions in the order of the class ids 0 … C-1.

    `mirror[i]` is the class that i becomes when left and right are exchanged. It is None where
    the table does not say; no clip may be mirrored then.
    """

    codes: tuple[str, ...]
    names: tuple[str, ...]
    regions: tuple[str, ...]
    mirror: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def region_names(self) -> tuple[str, ...]:
        """The regions in the order of their first class."""
        return tuple(dict.fromkeys(self.regions))

    @cached_property
    def region_ids(self) -> tuple[int, ...]:
        """(C,) the region of each class as a position in `region_names`."""
        return tuple(self.region_names.index(region) for region in self.regions)

    @cached_property
    def region_mirror(self) -> tuple[int, ...] | None:
        """The region that each one becomes when left and right are exchanged.

        The mirror of its first class decides. None where `mirror` is None.
        """
        return self.mirror and tuple(
            self.region_ids[self.mirror[self.regions.index(name)]] for name in self.region_names
        )

    @cached_property
    def by_region(self) -> tuple[int, ...]:
        """(C,) the class ids sorted by region, for matrices drawn in region blocks."""
        return tuple(sorted(range(len(self)), key=lambda i: (self.region_ids[i], i)))

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """'B1 Nodding' and the like."""
        return tuple(f"{code} {name}" for code, name in zip(self.codes, self.names))

    def id_of_code(self, clip: str) -> int | None:
        """The class id that a clip's name claims by the code before its first `_`.

        -1 for a code that is not in this table, None where the name carries no code.
        """
        code, _, rest = clip.partition("_")
        if not (rest and code[:1].isupper() and code[1:].isdigit() and len(code) > 1):
            return None
        return self.codes.index(code) if code in self.codes else -1

    def ids_called(self, text: str) -> tuple[int, ...]:
        """The class ids that a text names by a code, a name, a title or a region; often none."""
        for kind in (self.codes, self.names, self.titles, self.regions):
            ids = [i for i, name in enumerate(kind) if name.casefold() == text.casefold()]
            if ids:
                return tuple(ids)
        return ()


def read_classes(source: str | Path) -> ClassTable:
    """A built-in class table, one of `BUILT_IN`, or one from a CSV file.

    The file has the columns class_id, code, name, region. An optional column `mirror` holds the
    class id after exchanging left and right. Relative paths start at the checkout. Raises
    InputError with every fault.
    """
    path = BUILT_IN.get(str(source), ROOT / source)
    if not path.is_file():
        raise InputError(
            f"class table {str(source)!r}: expected {' or '.join(map(repr, BUILT_IN))} "
            "or the path of a CSV file"
        )
    faults: list[str] = []
    numbered = read_table(path, COLUMNS, faults)
    if not numbered:
        faults.append(f"{path}: no classes")
    _check_rows(path, numbered, faults)
    if faults:
        raise InputError("\n".join(faults))
    rows = sorted((row for _, row in numbered), key=lambda row: whole_number(row["class_id"]))
    return ClassTable(
        codes=tuple(row["code"] for row in rows),
        names=tuple(row["name"] for row in rows),
        regions=tuple(row["region"] for row in rows),
        mirror=tuple(whole_number(row["mirror"]) for row in rows)
        if _has_mirror(numbered)
        else None,
    )


def called(classes: ClassTable) -> str:
    """The name of a built-in class table, or that it is somebody's own."""
    return next((name for name in BUILT_IN if read_classes(name) == classes), "of your own")


def _has_mirror(numbered: list[tuple[int, dict[str, str]]]) -> bool:
    return any(row.get("mirror") for _, row in numbered)


def _check_rows(path: Path, numbered: list[tuple[int, dict[str, str]]], faults: list[str]) -> None:
    """Add to `faults` what is wrong with the rows of a class table, apart from missing values."""
    below = f"expected a class_id below {len(numbered)}"
    has_mirror = _has_mirror(numbered)
    from_0 = "" if any(whole_number(row["class_id"]) == 0 for _, row in numbered) else "; from 0 on"
    mirrors: dict[int, int | None] = {}
    line_of_code: dict[str, int] = {}
    for line, row in numbered:
        where, number, code = f"{path}, line {line}", whole_number(row["class_id"]), row["code"]
        if number is None or number < 0:
            if row["class_id"]:
                faults.append(
                    f"{where}: expected a whole number as class_id, found {row['class_id']!r}"
                )
            continue
        if number in mirrors:
            faults.append(f"{where}: class_id {number} stands there a second time")
        if number >= len(numbered):
            faults.append(f"{where}: {below}, the number of classes, found {number}{from_0}")
        if code and code in line_of_code:
            faults.append(f"{where}: code {code} stands already on line {line_of_code[code]}")
        mirrors[number] = whole_number(row["mirror"]) if has_mirror else None
        if has_mirror and mirrors[number] not in range(len(numbered)):
            faults.append(f"{where}: {below} as mirror, found {row['mirror']!r}")
        line_of_code.setdefault(code, line)
    if has_mirror and not faults:
        faults += [
            f"{path}, line {line}: class {number} has the mirror {mirrors[number]}, "
            "which has another"
            for line, number in zip((line for line, _ in numbered), mirrors)
            if mirrors[mirrors[number]] != number
        ]


def write_classes(table: ClassTable, path: Path) -> None:
    """Write the table as a data set's `classes.csv`."""
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *(["mirror"] if table.mirror else [])])
        for i, row in enumerate(zip(table.codes, table.names, table.regions)):
            writer.writerow([i, *row, *([table.mirror[i]] if table.mirror else [])])
