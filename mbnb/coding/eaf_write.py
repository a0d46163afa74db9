"""ELAN's .eaf, written: a document that was read goes on as it was, with what is new or changed.

Intervals that did not come from the document stand on tiers of their own, one for each tier, person
and origin, such as `head (machine, anna)`. How sure a machine was, and modifiers, stand on tiers
that depend on them, as ELAN has it for further codes. Times are whole milliseconds there.
"""

import contextlib
import datetime
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path

from mbnb.coding.eaf import (
    CONFIDENCE_TYPE,
    HUMAN_TYPE,
    LENGTH_PROPERTY,
    MACHINE_TYPE,
    MODIFIER_TYPE,
    MOMENT,
    NAME_PROPERTY,
    parse,
    read_document,
)
from mbnb.files import InputError, replacing
from mbnb.intervals import MACHINE, Coding, Interval, Medium

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
# The order in which the schema has the parts of a document.
ORDER = (
    "LICENSE HEADER TIME_ORDER TIER LINGUISTIC_TYPE LOCALE LANGUAGE CONSTRAINT "
    "CONTROLLED_VOCABULARY LEXICON_REF REF_LINK_SET EXTERNAL_REF"
).split()
CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps "
    "allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to "
    "the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps "
    "are allowed",
}
MIME = {".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".mov": "video/quicktime"}
MIME |= {".wav": "audio/x-wav", ".mp3": "audio/mpeg", ".avi": "video/x-msvideo"}


def write(codings: Sequence[Coding], path: Path) -> None:
    """Write one coding as .eaf. Raises InputError for several, since a document is of one."""
    if len(codings) != 1:
        names = ", ".join(coding.name for coding in codings)
        raise InputError(
            f"{path}: an .eaf is of one recording, found {len(codings)} ({names}); choose one "
            "with --recording"
        )
    root = document_of(codings[0], path)
    with replacing(path) as part:
        ET.ElementTree(root).write(part, encoding="UTF-8", xml_declaration=True)


def document_of(coding: Coding, path: Path) -> ET.Element:
    """The whole document of a coding, to lie at `path`."""
    if coding.document is None:
        root, before = _empty(coding, path), {}
    else:
        root = parse(coding.document, path)
        # What the document says by itself, since intervals may have been changed meanwhile.
        before = {one.identity: one for one in read_document(coding.document, path)}
    writer = _Writer(root)
    kept = {one.identity for one in coding if one.identity} | {one.parent for one in coding}
    writer.remove(set(before) - kept)
    for one in coding:
        if one.identity in before:
            writer.change(before[one.identity], one)
    new = [one for one in coding if one.identity not in before]
    for line in _lines(new):
        writer.add_tier(line)
    if writer.touched:
        writer.finish()
        ET.indent(root, "    ")
    return root


def _empty(coding: Coding, path: Path) -> ET.Element:
    """A document without annotations, linked to the videos of a coding."""
    date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    root = ET.Element(
        "ANNOTATION_DOCUMENT", {"AUTHOR": "mbnb", "DATE": date, "FORMAT": "3.0", "VERSION": "3.0"}
    )
    root.set(f"{{{INSTANCE}}}noNamespaceSchemaLocation", SCHEMA)
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    for medium in coding.media:
        ending = Path(medium.name).suffix.lower()
        kind = MIME.get(ending, f"{medium.kind or 'video'}/{ending[1:] or 'mp4'}")
        address, beside = _addresses(medium, path)
        about = {"MEDIA_URL": address, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": beside}
        if medium.offset:
            about["TIME_ORIGIN"] = str(round(1000 * medium.offset))
        ET.SubElement(header, "MEDIA_DESCRIPTOR", about)
    if coding.name != path.stem:
        ET.SubElement(header, "PROPERTY", NAME=NAME_PROPERTY).text = coding.name
    if coding.length is not None:
        ET.SubElement(header, "PROPERTY", NAME=LENGTH_PROPERTY).text = f"{coding.length:.6f}"
    ET.SubElement(root, "TIME_ORDER")
    for name, about in CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", DESCRIPTION=about, STEREOTYPE=name)
    return root


def _addresses(medium: Medium, path: Path) -> tuple[str, str]:
    """A video's address as a URL, and as seen from the document at `path`, as ELAN has both."""
    file, name = Path(medium.address), medium.address.replace("\\", "/")
    with contextlib.suppress(OSError, ValueError):  # another disk of Windows is no neighbour
        if file.is_file():
            beside = os.path.relpath(file.resolve(), path.resolve().parent)
            return file.resolve().as_uri(), f"./{Path(beside).as_posix()}"
    if re.match(r"[A-Za-z]:/", name):
        return f"file:///{name}", f"./{medium.name}"
    is_url = re.match(r"\w{2,}:", name)
    start = "" if is_url else "file://" if name.startswith("/") else "file:./"
    return f"{start}{name}", f"./{medium.name}"


def _lines(intervals: Iterable[Interval]) -> list[list[Interval]]:
    """Intervals by tier, person and origin; ELAN's tiers have no overlaps, so some are divided."""
    lines: dict[tuple, list[list[Interval]]] = {}
    for one in sorted(intervals, key=lambda one: (one.start, one.end)):
        rows = lines.setdefault((one.tier, one.person, one.origin), [])
        free = next((row for row in rows if _end(row[-1]) <= one.start), None)
        rows.append([one]) if free is None else free.append(one)
    return [row for rows in lines.values() for row in rows]


def _end(one: Interval) -> float:
    """Where an annotation ends in ELAN, in which a moment lasts a millisecond."""
    return max(one.end, one.start + MOMENT)


class _Writer:
    """A document that is being changed."""

    def __init__(self, root: ET.Element):
        self.root, self.touched = root, False
        self.order = root.find("TIME_ORDER")
        if self.order is None:
            self.order = self._insert(ET.Element("TIME_ORDER"))
        self.of = {
            one[0].get("ANNOTATION_ID"): (tier, one)
            for tier in root.iterfind("TIER")
            for one in tier.iterfind("ANNOTATION")
        }
        names = [*self.of, *(slot.get("TIME_SLOT_ID") for slot in self.order)]
        numbers = [re.fullmatch(r"[a-z]+(\d+)", name or "") for name in names]
        self.number = max((int(found[1]) for found in numbers if found), default=0)

    def _name(self, letters: str) -> str:
        self.number += 1
        return f"{letters}{self.number}"

    def remove(self, identities: set[str]) -> None:
        """Take annotations away, and what mbnb's own tiers say about them."""
        for tier, one in list(self.of.values()):
            own = tier.get("LINGUISTIC_TYPE_REF") in (CONFIDENCE_TYPE, MODIFIER_TYPE)
            if one[0].get("ANNOTATION_ID") in identities or (
                own and one[0].get("ANNOTATION_REF") in identities
            ):
                tier.remove(one)
                self.touched = True

    def change(self, before: Interval, now: Interval) -> None:
        """Give an annotation another label or other times, where they differ."""
        element = self.of[now.identity][1][0]
        if now.label != before.label:
            element.find("ANNOTATION_VALUE").text = now.label
            element.attrib.pop("CVE_REF", None)  # it named the entry of the old label
            self.touched = True
        if (now.start, now.end) != (
            before.start,
            before.end,
        ) and "TIME_SLOT_REF1" in element.keys():
            self._align(element, now)

    def _align(self, element: ET.Element, one: Interval) -> None:
        """New time slots, since others may begin or end in the old ones."""
        for key, moment in (("TIME_SLOT_REF1", one.start), ("TIME_SLOT_REF2", _end(one))):
            value = str(max(0, round(1000 * moment)))
            slot = ET.SubElement(
                self.order, "TIME_SLOT", TIME_SLOT_ID=self._name("ts"), TIME_VALUE=value
            )
            element.set(key, slot.get("TIME_SLOT_ID"))
        self.touched = True

    def add_tier(self, line: list[Interval]) -> None:
        """A tier of new annotations, of one tier, person and origin, and what depends on them."""
        first = line[0]
        kind = MACHINE_TYPE if first.origin == MACHINE else HUMAN_TYPE
        about = f"{first.origin}, {first.person}" if first.person else first.origin
        name = self._free(f"{first.tier} ({about})".strip())
        tier = self._tier(name, kind, first.person)
        identities = []
        for one in line:
            element = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION")
            element.set("ANNOTATION_ID", self._name("a"))
            self._align(element, one)
            ET.SubElement(element, "ANNOTATION_VALUE").text = one.label
            identities.append(element.get("ANNOTATION_ID"))
        sure = ["" if one.confidence is None else f"{one.confidence:.6g}" for one in line]
        modifiers = ["; ".join(f"{k}={v}" for k, v in one.modifiers) for one in line]
        for kind, values in ((CONFIDENCE_TYPE, sure), (MODIFIER_TYPE, modifiers)):
            if not any(values):
                continue
            depends = self._tier(self._free(f"{name}: {kind.split()[1]}"), kind, first.person, name)
            for identity, value in zip(identities, values):
                if value:
                    element = ET.SubElement(ET.SubElement(depends, "ANNOTATION"), "REF_ANNOTATION")
                    element.set("ANNOTATION_ID", self._name("a"))
                    element.set("ANNOTATION_REF", identity)
                    ET.SubElement(element, "ANNOTATION_VALUE").text = value

    def _free(self, name: str) -> str:
        """The name, or with a number where a tier of that name is there."""
        taken = {tier.get("TIER_ID") for tier in self.root.iterfind("TIER")}
        numbered = (f"{name} {i}" for i in range(2, len(taken) + 3))
        return next(one for one in (name, *numbered) if one not in taken)

    def _tier(self, name: str, kind: str, person: str, parent: str = "") -> ET.Element:
        about = {"LINGUISTIC_TYPE_REF": kind, "TIER_ID": name, "ANNOTATOR": "mbnb"}
        about |= {"PARTICIPANT": person} if person else {}
        about |= {"PARENT_REF": parent} if parent else {}
        known = {one.get("LINGUISTIC_TYPE_ID") for one in self.root.iter("LINGUISTIC_TYPE")}
        if kind not in known:
            aligned = not parent
            about_kind = {"LINGUISTIC_TYPE_ID": kind, "GRAPHIC_REFERENCES": "false"}
            about_kind["TIME_ALIGNABLE"] = str(aligned).lower()
            about_kind |= {} if aligned else {"CONSTRAINTS": "Symbolic_Association"}
            self._insert(ET.Element("LINGUISTIC_TYPE", about_kind))
        return self._insert(ET.Element("TIER", about))

    def _insert(self, part: ET.Element) -> ET.Element:
        """Put a part where the schema has it, behind all that is like it."""
        before = ORDER[: ORDER.index(part.tag) + 1]
        last = max((i for i, one in enumerate(self.root) if one.tag in before), default=-1)
        self.root.insert(last + 1, part)
        return part

    def finish(self) -> None:
        """Put slots in the order of time, name all constraints, and count annotations anew."""
        times, before = [], 0.0
        for slot in self.order:
            before = float(slot.get("TIME_VALUE", before))
            times.append(before)
        slots = list(self.order)
        self.order[:] = [slots[i] for i in sorted(range(len(slots)), key=times.__getitem__)]
        for one in self.root.iterfind("HEADER/PROPERTY"):
            if one.get("NAME") == "lastUsedAnnotationId":
                one.text = str(self.number)
        stereotypes = {one.get("STEREOTYPE") for one in self.root.iter("CONSTRAINT")}
        for name in [name for name in CONSTRAINTS if name not in stereotypes]:
            self._insert(ET.Element("CONSTRAINT", DESCRIPTION=CONSTRAINTS[name], STEREOTYPE=name))
