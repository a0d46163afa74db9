"""Names and numbers as people, cameras and spreadsheets spell them."""

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable
from decimal import ROUND_DOWN, Context, Decimal

# Whatever a camera, a phone, a browser or a screen recorder writes and FFmpeg reads.
VIDEO_ENDINGS = tuple(
    ".264 .265 .3g2 .3gp .apng .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .m2t .m2ts "
    ".m2v .m4v .mjpeg .mjpg .mkv .mod .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm "
    ".rmvb .tod .ts .vob .webm .wmv .y4m".split()
)
SOUND_ENDINGS = (".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".wma", ".aif", ".aiff")
MONTHS = dict(jan=1, feb=2, mar=3, apr=4, may=5, jun=6, jul=7, aug=8, sep=9, oct=10, nov=11, dec=12)
MONTHS |= dict(mrz=3, mär=3, avr=4, mai=5, okt=10, dez=12)
# Numbers as a spreadsheet writes long ones, and dates as it makes them of names like 1-2.
SCIENTIFIC = re.compile(r"\d([.,]\d+)?e\+?\d+", re.IGNORECASE)
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[.,'’\s]\d{3})+")
DATE = re.compile(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}(\s.*)?")
DAY = re.compile(r"\d{1,2}[-. ]+([^\W\d_]{3,4})\.?([-. ]\d+)?|([^\W\d_]{3,4})[-. ]\d{2,4}")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # by Windows
LONGEST_NAME = 150  # bytes; file systems take 255, and other files are named after a clip
FEWEST_SCORED = (
    10  # clips, below which one more that is right moves a share by more than ten points
)


def clip_name(text: str) -> str:
    """The name of a clip, however a list, a folder or a video spells it.

    Without the ending of a video or array in whatever case, without blanks around it, and with
    each letter as one character (NFC), where a Mac writes letter and accent apart.
    """
    name = unicodedata.normalize("NFC", text).strip()
    stem, dot, ending = name.rpartition(".")
    is_ending = stem and f"{dot}{ending}".lower() in (*VIDEO_ENDINGS, ".npy")
    return clip_name(stem) if is_ending else name  # .mp4.mov is one, too


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """For each name of a clip one that every file system and table takes, each another one.

    Letters, digits, `_`, `-` and `.` stay, and a name that has no others stays as it is.
    """
    names = list(names)
    safe = {name: name for name in names if _safe(name) == name}
    for name in names:
        if name not in safe:
            wanted, taken = _safe(name), set(safe.values())
            free = (f"{wanted}_{i}" for i in itertools.count(2))
            safe[name] = wanted if wanted not in taken else next(f for f in free if f not in taken)
    return safe


def _safe(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    safe = re.sub(r"[^\w.-]+", "_", name)
    if safe != name or not re.match(r"\w", safe) or safe.endswith("."):
        safe = safe.strip("._-") or "clip"
    if RESERVED.fullmatch(safe):
        safe = f"clip_{safe}"
    return safe.encode()[:LONGEST_NAME].decode(errors="ignore")


def whole_number(text: str) -> int | None:
    """The whole number that a cell holds, spreadsheets' 3.0 and 3,0 too; None for other text."""
    found = re.fullmatch(r"([+-]?\d{1,18})(?:[.,]0*)?", text.strip())
    return int(found[1]) if found else None


def listed(names: Collection[object], count: int = 3) -> str:
    """The first few of `names` and how many more there are."""
    first = ", ".join(map(str, list(names)[:count]))
    return f"{first} and {len(names) - count} more" if len(names) > count else first


def pair_up(changed: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Of which of `names` a spreadsheet or a hasty hand has made each of `changed`, if of any.

    A spreadsheet takes 0001 for 1, long numbers for 1E+10, and 1-2 for a day of the year; people
    forget blanks, capitals and leading zeros.
    """
    names = list(names)[::-1]  # the first of several counts
    became = {key: name for name in names for key in _keys(name)}
    pairs = {text: became.get(likeness(text)) for text in changed}
    return {text: name for text, name in pairs.items() if name is not None}


def is_mangled(text: str) -> bool:
    """Whether a spreadsheet has probably made this number or day of another text."""
    return likeness(text).startswith(("power", "day"))


def _keys(name: str) -> list[str]:
    """`likeness` of all that a name may have become."""
    keys, number, days = [likeness(name)], _number(name), _days(name)
    if number is not None:
        keys += [str(number.normalize()), f"power {number:.2E}"]
    return [*keys, f"day {days}"] if len(days) == 2 else keys


def likeness(text: str) -> str:
    """Equal for texts that are probably the same: 1 and 0001, Anna 2 and anna_02."""
    text = re.sub(r"\D", "", text) if THOUSANDS.fullmatch(text) else text
    number, day = _number(text), DAY.fullmatch(text.casefold())
    if SCIENTIFIC.fullmatch(text) and number is not None:
        return f"power {number:.2E}"
    if DATE.fullmatch(text) or (day and (day[1] or day[3]) in MONTHS):
        return f"day {_days(text)[:2]}"
    if number is not None:
        return str(number.normalize())
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<!\d)0+(?=\d)", "", text.casefold())).strip("_")


def _number(text: str) -> Decimal | None:
    """The number that is all of the text, in a spreadsheet's 15 digits; None for other text."""
    number = Context(prec=15, rounding=ROUND_DOWN, traps=[]).create_decimal(text.replace(",", "."))
    return number if number.is_finite() and "_" not in text else None


def _days(text: str) -> list[int]:
    """The days and months in a text, sorted."""
    words = re.findall(r"(?<!\d)\d{1,4}(?!\d)|[^\W\d_]+", text.casefold())
    numbers = [int(word) if word.isdecimal() else MONTHS.get(word, 0) for word in words]
    return sorted(number for number in numbers if 0 < number <= 31)


def plain(text: str) -> str:
    """Letters and digits alone, in small letters."""
    return re.sub(r"[\W_]+", "", text.casefold())


def counted(clips: int, people: int) -> str:
    """How many clips and people, in words."""
    return f"{clips} clip{'s' * (clips != 1)} of {people} {'person' if people == 1 else 'people'}"


def too_few(clips: int, people: int) -> str:
    """What is said in place of a score where that would say nothing; else nothing."""
    return f"too few to score: {counted(clips, people)}" if clips < FEWEST_SCORED else ""
