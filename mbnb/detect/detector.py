"""A model that detects, as a file holds it: what it sees, what it believes, how it decides."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mbnb.classes import ClassTable, read_classes
from mbnb.config import Config
from mbnb.detect.baseline import LinearNet
from mbnb.detect.decode import Decoding, segments
from mbnb.detect.rest import by_segments, with_rests
from mbnb.detect.slide import OverTime, slide_clips, slide_moments
from mbnb.detect.stretches import Seen
from mbnb.devices import pick_device
from mbnb.files import InputError, fingerprint
from mbnb.intervals import Coding, Interval
from mbnb.model.checkpoints import carried_by, load_trained
from mbnb.model.predict import Network
from mbnb.model.shipped import DETECT
from mbnb.model.spotter import SpotNet
from mbnb.model.weight_files import read_checkpoint
from mbnb.prepare.recipe import mirrors
from mbnb.skeleton import Skeleton, load_skeleton
from mbnb.text import listed

WINDOW, STRIDE = 2.0, 0.25  # seconds, of a network of clips
# Where nobody has coded anything, these were found best on simulated interviews.
OF_CLIPS = Decoding(high=0.4, low=0.6, smooth=0.2, gap=0.3, shortest=0.4, alike=0.5)


@dataclass(frozen=True)
class Detector:
    """A network of moments, or one of clips that slides.

    classes: what it tells, without the class that nothing happens. window, stride: seconds, of a
    network of clips. plain: leave a network of clips at its windows, see `rest.py`. rests: let it
    tell rests by a class of its own, if it has one. labels: a network of clips that says what each
    whole segment is, where the network of moments says when it is.
    """

    path: Path
    network: SpotNet | LinearNet | Network
    config: Config
    skeleton: Skeleton
    classes: ClassTable
    decoding: Decoding
    temperature: float = 1.0
    window: float = WINDOW
    stride: float = STRIDE
    plain: bool = False
    rests: bool = True
    labels: Network | None = None

    @property
    def of_clips(self) -> bool:
        """Whether the network was trained on clips."""
        return isinstance(self.network, Network)

    def over_time(self, seen: Seen) -> OverTime:
        """Calibrated probabilities of each step of what is seen of a recording."""
        if not self.of_clips:
            mirror = self.classes.mirror if mirrors(self.config, self.classes) else None
            over = slide_moments(
                self.network, seen, self.config, self.skeleton, self.temperature, mirror
            )
            return by_segments(self.labels, seen, over, self.decoding) if self.labels else over
        over = slide_clips(self.network, seen, self.window, self.stride, self.rests)
        over = with_rests(over, seen, self.config, self.skeleton)
        return over if self.plain else by_segments(self.network, seen, over, self.decoding)

    def labelled_by(self, other: "Detector") -> "Detector":
        """The same with another's network of clips for labels. Raises InputError for another kind.

        Whatever lies between two rests then is a segment.
        """
        if self.of_clips or not other.of_clips:
            raise InputError(
                f"{self.path} must be a detector of moments, and {other.path} a model of clips, to "
                "go together"
            )
        if other.network.classes.codes != self.classes.codes:
            raise InputError(f"{self.path} and {other.path} tell different classes")
        whole = dataclasses.replace(self.decoding, high=2.0, otherwise=0.0, by_class={})
        return dataclasses.replace(self, labels=other.network, decoding=whole)

    def segments(self, over: OverTime, person: str = "") -> list[Interval]:
        """What happens when."""
        return segments(over, self.classes, self.decoding, person)

    def coding(self, name: str, over: OverTime, person: str = "", length: float = 0.0) -> Coding:
        """The same as a coding of the recording `name`, which lasts `length` seconds."""
        return Coding(name, tuple(self.segments(over, person)), length=length or None)

    def expect_classes(self, table: str) -> None:
        """Raise InputError where a class table has other classes than the detector tells."""
        wanted = acts_of(read_classes(table))
        if wanted.names != self.classes.names:
            strange = [name for name in wanted.names if name not in self.classes.names]
            raise InputError(
                f"{self.path}: tells {len(self.classes)} classes, not those of {table}: it knows "
                f"no {listed(strange) if strange else 'other order'}"
            )

    def about(self) -> dict[str, Any]:
        """What a reader of its results wants to know of it."""
        return {
            "file": self.path.name,
            "fingerprint": fingerprint(self.path.read_bytes()),
            "kind": "clips in windows" if self.of_clips else "moments",
            "classes": list(self.classes.titles),
            "temperature": self.temperature,
            "decoding": self.decoding.as_dict(),
            "labels": self.labels is not None,
        } | ({"window": self.window, "stride": self.stride} if self.of_clips else {})


def load_detector(
    path: Path, config: Config, window: float = WINDOW, stride: float = STRIDE
) -> Detector:
    """The detector in a file: one that `learn` has trained, or any model of actions.

    `config` says on which device. Raises InputError for another file, and where its classes are
    not known.
    """
    content = read_checkpoint(path)
    carried = carried_by(content)
    if content.get("task") == DETECT and carried:
        return _of_moments(path, content, config)
    trained = load_trained(path, config)
    if trained.classes is None:
        raise InputError(f"{path}: does not say which classes it tells, so it cannot detect any")
    if not hasattr(trained.model.head, "answer"):
        raise InputError(f"{path}: is a one-shot model, which tells no classes")
    if trained.config.parity:
        raise InputError(f"{path}: a model of the recipe parity sees whole clips alone")
    skeleton = load_skeleton(trained.config.skeleton)
    network = Network(trained, skeleton, trained.classes, dataclasses.replace(config, views=1))
    decoding = Decoding.of(content.get("decoding") or OF_CLIPS.as_dict())
    acts = acts_of(trained.classes)
    return Detector(
        Path(path), network, trained.config, skeleton, acts, decoding, window=window, stride=stride
    )


def _of_moments(path: Path, content: dict[str, Any], config: Config) -> Detector:
    own = Config.of(saved=content["config"])
    classes = ClassTable(**{k: tuple(v) if v else None for k, v in content["classes"].items()})
    skeleton = load_skeleton(own.skeleton)
    kind = LinearNet if own.method == "linear" else SpotNet
    model = kind(own, len(classes), len(skeleton))
    weights = {name: value.float() for name, value in content["model"].items()}
    try:
        model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise InputError(f"{path}: not a whole detector ({str(error)[:120]})") from None
    return Detector(
        Path(path),
        model.eval().to(pick_device(config)),
        own,
        skeleton,
        classes,
        Decoding.of(content.get("decoding") or {}),
        float(content.get("temperature", 1.0)),
    )


def acts_of(classes: ClassTable) -> ClassTable:
    """A class table without the classes whose region is 'nothing'."""
    acts = [i for i, region in enumerate(classes.regions) if region != "nothing"]
    if len(acts) == len(classes):
        return classes
    place = {old: new for new, old in enumerate(acts)}
    mirror = classes.mirror and tuple(place.get(classes.mirror[i], place[i]) for i in acts)
    names = (tuple(of[i] for i in acts) for of in (classes.codes, classes.names, classes.regions))
    return ClassTable(*names, mirror)
