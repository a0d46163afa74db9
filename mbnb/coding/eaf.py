"""ELAN's .eaf, read: all tiers, references, vocabularies, and slots without a time.

By ELAN's annotation format (EAF 2.x and 3.0, `EAFv3.0.xsd` and its guidelines). An annotation that
refers to another has that one's time; several that divide one share it evenly, and so do slots
without a time. The library pympi is not used: it loses external vocabularies, the entries that
annotations name, and licences, and knows no time of such slots.

What mbnb writes is told by the types of its tiers (`MACHINE_TYPE` and the like), see `eaf_write`.
"""

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from mbnb.coding.file import File
from mbnb.files import InputError
from mbnb.intervals import HUMAN, MACHINE, Coding, Interval, Medium, Tier

MACHINE_TYPE, HUMAN_TYPE = "mbnb machine", "mbnb human"
CONFIDENCE_TYPE, MODIFIER_TYPE = "mbnb confidence", "mbnb modifiers"
# Properties of a document, of which ELAN keeps all: what else would be lost of a recording.
NAME_PROPERTY, LENGTH_PROPERTY = "mbnb recording", "mbnb length in seconds"
VOCABULARY = b"<CV_RESOURCE"
MOMENT = 0.001  # seconds; ELAN knows no annotation without a duration
# Seconds of a unit of time.
UNITS = {"milliseconds": 0.001, "PAL-frames": 0.04, "PAL-50-frames": 0.02, "NTSC-frames": 0.03337}


def recognises(file: File) -> bool:
    """Whether a file is XML whose root is ELAN's, or that of a vocabulary of ELAN's."""
    return any(root in file.raw[:4096] for root in (b"<ANNOTATION_DOCUMENT", VOCABULARY))


def parse(raw: bytes, path: Path) -> ET.Element:
    """The root of a document. Raises InputError for one that is cut short or defines entities."""
    try:
        return fromstring(raw, forbid_dtd=True)
    except DefusedXmlException:
        raise InputError(
            f"{path}: defines entities of XML, which ELAN never does, and is not read"
        ) from None
    except ET.ParseError as error:
        line = error.position[0]
        raise InputError(
            f"{path}, line {line}: cut short or damaged ({error}); a copy that ELAN keeps beside "
            "it may be whole (its name ends in .001)"
        ) from None


def read(file: File) -> list[Coding]:
    """Its annotations, tier by tier. Raises InputError with every reference that leads nowhere."""
    if VOCABULARY in file.raw[:4096]:
        raise InputError(f"{file.path}: a vocabulary of ELAN's: it holds labels, no annotations")
    return [read_document(file.raw, file.path)]


def read_document(raw: bytes, path: Path) -> Coding:
    """The coding in the bytes of a document that lies, or lay, at `path`."""
    return _Document(parse(raw, path), path).coding(raw)


@dataclass
class _Annotation:
    """An annotation as the file has it; times are in seconds, None while they are not known."""

    identity: str
    label: str
    slots: tuple[str, str] | None = None
    parent: str = ""
    previous: str = ""
    times: tuple[float, float] | None = None


@dataclass
class _Line:
    """A TIER of the file."""

    name: str
    kind: str
    person: str
    parent: str
    annotations: list[_Annotation] = field(default_factory=list)


class _Document:
    """What an .eaf holds, resolved."""

    def __init__(self, root: ET.Element, path: Path):
        self.root, self.path = root, path
        self.remarks: list[str] = []
        self.faults: list[str] = []
        header = root.find("HEADER")
        self.unit = UNITS.get("" if header is None else header.get("TIME_UNITS", ""), 0.001)
        self.slots = {
            slot.get("TIME_SLOT_ID", ""): _number(slot.get("TIME_VALUE"), self.unit)
            for slot in root.iterfind("TIME_ORDER/TIME_SLOT")
        }
        self.types = {one.get("LINGUISTIC_TYPE_ID"): one for one in root.iter("LINGUISTIC_TYPE")}
        self.lines = [self._line(tier) for tier in root.iterfind("TIER")]
        self.by_identity = {one.identity: one for line in self.lines for one in line.annotations}
        self._resolve()

    def coding(self, raw: bytes) -> Coding:
        """The whole as a coding, which keeps `raw`."""
        if self.faults:
            raise InputError("\n".join(self.faults))
        intervals = [one for line in self.lines for one in self._intervals(line)]
        about = self._about_machine()
        intervals = [replace(one, **about.get(one.identity, {})) for one in intervals]
        tiers = {
            _plain_name(line): Tier(
                _plain_name(line), line.person, line.parent, self._vocabulary(line)
            )
            for line in self.lines
            if line.kind not in (CONFIDENCE_TYPE, MODIFIER_TYPE)
        }
        properties = {one.get("NAME"): one.text for one in self.root.iterfind("HEADER/PROPERTY")}
        return Coding(
            properties.get(NAME_PROPERTY) or self.path.stem,
            tuple(intervals),
            tuple(tiers.values()),
            self._media(),
            length=_number(properties.get(LENGTH_PROPERTY), 1.0),
            notes=tuple(self.remarks),
            document=raw,
        )

    def _line(self, tier: ET.Element) -> _Line:
        line = _Line(
            tier.get("TIER_ID", ""),
            tier.get("LINGUISTIC_TYPE_REF", ""),
            tier.get("PARTICIPANT", ""),
            tier.get("PARENT_REF", ""),
        )
        if line.kind not in self.types:
            self.faults.append(
                f"{self.path}: tier {line.name!r}: its type {line.kind!r} is not defined"
            )
        for one in tier.iterfind("ANNOTATION/*"):
            slots = one.get("TIME_SLOT_REF1"), one.get("TIME_SLOT_REF2")
            lost = [slot for slot in slots if slot and slot not in self.slots]
            if lost:
                self.faults.append(
                    f"{self.path}: annotation {one.get('ANNOTATION_ID')!r} on {line.name!r}: the "
                    f"time slot {lost[0]!r} is missing"
                )
            line.annotations.append(
                _Annotation(
                    one.get("ANNOTATION_ID", ""),
                    normalize("NFC", one.findtext("ANNOTATION_VALUE") or "").strip(),
                    slots if all(slots) else None,
                    one.get("ANNOTATION_REF", ""),
                    one.get("PREVIOUS_ANNOTATION", ""),
                )
            )
        return line

    def _resolve(self) -> None:
        """Give every annotation its times, those of a tier before those that depend on it."""
        for identity, count in Counter(
            one.identity for line in self.lines for one in line.annotations
        ).items():
            if count > 1:
                self.faults.append(f"{self.path}: {count} annotations are called {identity!r}")
        if self.faults:
            return
        for line in sorted(self.lines, key=self._depth):
            aligned = [one for one in line.annotations if one.slots]
            times = {**self.slots, **_between(aligned, self.slots)}
            for one in aligned:
                start, end = (times[slot] for slot in one.slots)
                if start is None or end is None:
                    self.faults.append(
                        f"{self.path}: annotation {one.identity!r} on {line.name!r}: neither it "
                        "nor its neighbours have a time"
                    )
                else:
                    one.times = start, end
            self._resolve_references(line)

    def _depth(self, line: _Line) -> int:
        """How many tiers a tier depends on, by way of each other."""
        parents = {one.name: one.parent for one in self.lines}
        name, depth = line.parent, 0
        while name and depth <= len(parents):
            name, depth = parents.get(name, ""), depth + 1
        return depth

    def _resolve_references(self, line: _Line) -> None:
        """Give annotations that refer to others their times; those that divide one, a share."""
        divided = self.types[line.kind].get("CONSTRAINTS") == "Symbolic_Subdivision"
        siblings = defaultdict(list)
        for one in line.annotations:
            if not one.slots:
                siblings[one.parent].append(one)
        for identity, ones in siblings.items():
            parent = self.by_identity.get(identity)
            if parent is None or parent.times is None:
                what = "is missing" if parent is None else "has no time"
                self.faults.append(
                    f"{self.path}: annotation {ones[0].identity!r} on {line.name!r} refers to "
                    f"{identity!r}, which {what}"
                )
                continue
            start, end = parent.times
            step = (end - start) / len(ones)
            for i, one in enumerate(_in_order(ones)):
                share = (start + i * step, start + (i + 1) * step)
                one.times = share if divided else parent.times

    def _intervals(self, line: _Line) -> list[Interval]:
        if line.kind in (CONFIDENCE_TYPE, MODIFIER_TYPE):
            return []
        own = line.kind in (MACHINE_TYPE, HUMAN_TYPE)
        origin = MACHINE if line.kind == MACHINE_TYPE else HUMAN
        ones = []
        for one in line.annotations:
            start, end = (round(time, 6) for time in one.times)
            end = start if own and math.isclose(end - start, MOMENT, abs_tol=1e-6) else end
            ones.append(
                Interval(
                    start,
                    end,
                    one.label,
                    _plain_name(line),
                    line.person,
                    origin,
                    identity=one.identity,
                    parent=one.parent,
                )
            )
        return ones

    def _about_machine(self) -> dict[str, dict]:
        """By annotation the confidence and the modifiers that mbnb's tiers tell about it."""
        about: dict[str, dict] = defaultdict(dict)
        for line in self.lines:
            for one in line.annotations:
                if line.kind == CONFIDENCE_TYPE:
                    about[one.parent]["confidence"] = _number(one.label, 1.0)
                if line.kind == MODIFIER_TYPE:
                    pairs = (pair.partition("=")[::2] for pair in one.label.split("; "))
                    about[one.parent]["modifiers"] = tuple(pairs)
        return about

    def _vocabulary(self, line: _Line) -> tuple[str, ...] | None:
        """The labels that a tier's type allows; None where it allows all, or nobody knows."""
        name = self.types[line.kind].get("CONTROLLED_VOCABULARY_REF")
        found = next(
            (one for one in self.root.iter("CONTROLLED_VOCABULARY") if one.get("CV_ID") == name),
            None,
        )
        if name is None or found is None:
            return None
        reference = found.get("EXT_REF")
        if reference is None:
            return _entries(found)
        external = next(
            (one for one in self.root.iter("EXTERNAL_REF") if one.get("EXT_REF_ID") == reference),
            None,
        )
        address = "" if external is None else external.get("VALUE", "")
        # Whatever path it gives: only a file that lies beside this one is looked at.
        beside = self.path.parent / Path(unquote(address.replace("\\", "/"))).name
        if not address or not beside.is_file():
            said = f"the vocabulary {name!r} is in {address or 'a file'}, which is not beside it"
            self.remarks += [said] if said not in self.remarks else []
            return None
        other = parse(beside.read_bytes(), beside)
        entries = (one for one in other.iter("CONTROLLED_VOCABULARY") if one.get("CV_ID") == name)
        return _entries(next(entries, ET.Element("none")))

    def _media(self) -> tuple[Medium, ...]:
        """What the header links; times of the coding are those of a file from its own origin on."""
        media = []
        for one in self.root.iterfind("HEADER/MEDIA_DESCRIPTOR"):
            address = one.get("MEDIA_URL") or one.get("RELATIVE_MEDIA_URL") or ""
            if address:
                kind = one.get("MIME_TYPE", "").partition("/")[0]
                origin = _number(one.get("TIME_ORIGIN"), 0.001) or 0.0
                kind = kind if kind in ("video", "audio") else ""
                media.append(Medium(unquote(address), kind, origin))
        return tuple(media)


def _plain_name(line: _Line) -> str:
    """The tier that a line of mbnb's is of, `head` of `head (machine, anna) 2`."""
    own = line.kind in (MACHINE_TYPE, HUMAN_TYPE)
    about = r" ?\((machine|human)(, [^()]*)?\)( \d+)?$"
    return re.sub(about, "", line.name) if own else line.name


def _between(ones: list[_Annotation], slots: dict[str, float | None]) -> dict[str, float]:
    """Times of the slots without one: evenly between the known ends of a chain of annotations.

    Annotations are in one chain where each begins in the slot that the one before ends in.
    """
    next_slot = {one.slots[0]: one.slots[1] for one in ones}
    found = {}
    for one in ones:
        chain = [one.slots[0]]
        if slots[chain[0]] is None:
            continue
        while chain[-1] in next_slot and (len(chain) == 1 or slots[chain[-1]] is None):
            chain.append(next_slot[chain[-1]])
            if len(chain) > len(slots):
                break
        first, last = slots[chain[0]], slots[chain[-1]]
        if last is not None:
            step = (last - first) / (len(chain) - 1)
            found |= {slot: first + i * step for i, slot in enumerate(chain[1:-1], 1)}
    return found


def _in_order(ones: list[_Annotation]) -> list[_Annotation]:
    """Annotations that divide one parent, each behind the one that it names as its previous."""
    behind = {one.previous: one for one in ones}
    ordered = []
    one = behind.get("")
    while one and one not in ordered:
        ordered.append(one)
        one = behind.get(one.identity)
    return ordered if len(ordered) == len(ones) else ones


def _entries(vocabulary: ET.Element) -> tuple[str, ...]:
    """The values of a vocabulary, of the old form and of the one in several languages."""
    values = [one.text or "" for one in vocabulary.iterfind("CV_ENTRY")]
    values += [one.findtext("CVE_VALUE") or "" for one in vocabulary.iterfind("CV_ENTRY_ML")]
    return tuple(values)


def _number(text: str | None, unit: float) -> float | None:
    """Units of a number in seconds, None where there is none."""
    try:
        return round(float(text) * unit, 6)
    except (TypeError, ValueError):
        return None
