"""Class tables: which micro-action an id stands for, and in which region of the body it happens.

`document52.csv` is the list of 52 classes A1-D17 in four regions that this system was asked for with; `ma52.csv` is the
official MA-52 list (Guo et al., TCSVT 2024) of 52 actions under seven body parts. A data set may bring a table of its own.
"""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mbnb.files import ROOT, TABLES, InputError, read_table, replacing

BUILT_IN = {"document": TABLES / "document52.csv", "ma52": TABLES / "ma52.csv"}
COLUMNS = ("class_id", "code", "name", "region")


@dataclass(frozen=True)
class ClassTable:
    """Codes, names and regions in the order of the class ids 0 … C-1.

    `mirror[i]` is the class that i becomes when left and right are exchanged; None where the table does not say, and
    then no clip may be mirrored.
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
        """What each region becomes when left and right are exchanged, by its first class; None where `mirror` is."""
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
        """The id that the code before the first `_` of a clip's name claims: -1 for a code that is not in this table,
        None where the name carries no code."""
        code, _, rest = clip.partition("_")
        if not (rest and code[:1].isupper() and code[1:].isdigit() and len(code) > 1):
            return None
        return self.codes.index(code) if code in self.codes else -1


def read_classes(source: str | Path) -> ClassTable:
    """A built-in table by name ('document' or 'ma52') or one from a CSV file with class_id, code, name, region.

    An optional column `mirror` holds the class id after exchanging left and right. Relative paths start at the checkout.
    Raises InputError with every fault.
    """
    path = BUILT_IN.get(str(source), ROOT / source)
    if not path.is_file():
        raise InputError(
            f"class table {str(source)!r}: expected {' or '.join(map(repr, BUILT_IN))} or the path of a CSV file"
        )
    faults: list[str] = []
    rows = read_table(path, COLUMNS, faults)
    has_mirror = any(row.get("mirror") for _, row in rows)
    faults += [] if rows else [f"{path}: no classes"]
    by_id: dict[int, dict[str, str]] = {}
    codes: dict[str, int] = {}
    for line, row in rows:
        if not row["class_id"].isdecimal():
            faults += (
                [
                    f"{path}, line {line}: expected a whole number as class_id, found {row['class_id']!r}"
                ]
                if row["class_id"]
                else []
            )
            continue
        if int(row["class_id"]) in by_id:
            faults.append(
                f"{path}, line {line}: class_id {row['class_id']} stands there a second time"
            )
        if int(row["class_id"]) >= len(rows):
            faults.append(
                f"{path}, line {line}: expected a class_id below {len(rows)}, the number of classes, found {row['class_id']}"
            )
        if row["code"] and row["code"] in codes:
            faults.append(
                f"{path}, line {line}: code {row['code']} stands already on line {codes[row['code']]}"
            )
        if has_mirror and not (row["mirror"].isdecimal() and int(row["mirror"]) < len(rows)):
            faults.append(
                f"{path}, line {line}: expected a class_id below {len(rows)} as mirror, found {row['mirror']!r}"
            )
        by_id[int(row["class_id"])] = row
        codes.setdefault(row["code"], line)
    if has_mirror and not faults:
        faults += [
            f"{path}, line {line}: class {row['class_id']} has the mirror {row['mirror']}, which has another"
            for line, row in rows
            if int(by_id[int(row["mirror"])]["mirror"]) != int(row["class_id"])
        ]
    if faults:
        raise InputError("\n".join(faults))
    ordered = [by_id[i] for i in range(len(rows))]
    return ClassTable(
        codes=tuple(row["code"] for row in ordered),
        names=tuple(row["name"] for row in ordered),
        regions=tuple(row["region"] for row in ordered),
        mirror=tuple(int(row["mirror"]) for row in ordered) if has_mirror else None,
    )


def write_classes(table: ClassTable, path: Path) -> None:
    """Write the table as a data set's `classes.csv`."""
    with replacing(path) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *(["mirror"] if table.mirror else [])])
        for i, row in enumerate(zip(table.codes, table.names, table.regions)):
            writer.writerow([i, *row, *([table.mirror[i]] if table.mirror else [])])
