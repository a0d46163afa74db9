"""What a browser shows: widgets in a notebook, and the same in a page without a kernel and without a network.

One script serves both. In a live notebook the widget talks to Python; an executed notebook that is opened later keeps the widget's
data and, once trusted, shows it again; one that is not trusted shows a still picture and says why. Poses travel as 16-bit
integers, as differences from frame to frame, deflated.
"""

import base64
import html
import io
import json
import zlib
from collections.abc import Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure

from mbnb.files import PACKAGE

STEP = 1e-4  # metres that a count stands for, more only where a clip is wider than six metres
UNSEEN = -32768
UNTRUSTED = (
    "This is a still picture: the notebook is not trusted here, or its widgets are not shown. "
    "Trust it (in JupyterLab: View, Activate Command Palette, Trust Notebook) or run it again."
)


def script(*names: str) -> str:
    """The source of some files of `mbnb/web`, one after the other."""
    return "\n".join(
        (PACKAGE / "show" / "web" / name).read_text(encoding="utf-8") for name in names
    )


class View(anywidget.AnyWidget):
    """Something that `mbnb/web` draws from `data` (JSON) and `poses` (bytes of `pack_poses`).

    A kind of view names its script files in `scripts` and its function in them in `mount`.
    """

    scripts: tuple[str, ...] = ("player.js",)
    mount = "mountPlayer"
    data = traitlets.Dict().tag(sync=True)
    poses = traitlets.Bytes().tag(sync=True)

    def __init__(self, still: bytes = b"", label: str = "", **values: Any):
        self._still, self._label = still, label
        super().__init__(
            _esm=f"{script(*self.scripts)}\nexport default {{ render: ({{ model, el }}) => {self.mount}(el, model) }}\n",
            **values,
        )

    def _repr_mimebundle_(self, **options: Any) -> Any:
        found = super()._repr_mimebundle_(**options)
        if found is None:
            return None
        bundle, about = found if isinstance(found, tuple) else (found, {})
        return bundle | {"text/html": self.still_html()}, about

    def still_html(self) -> str:
        """A picture and the reason why nothing moves; shown where scripts are not."""
        picture = (
            f'<img alt="{html.escape(self._label)}" src="data:image/png;base64,{base64.b64encode(self._still).decode()}">'
            if self._still
            else ""
        )
        return f"<div>{picture}<p><em>{html.escape(UNTRUSTED)}</em></p></div>"

    def fragment(self) -> str:
        """The same for a page, without Python behind it."""
        return fragment(self.mount, data=self.data, poses=self.poses)


def fragment(mount: str, poses: bytes, **values: Any) -> str:
    """A place in a page where `mount`, a function of `mbnb/web`, shows `values`; the page ends with `page_script`."""
    payload = json.dumps(
        values | {"poses": base64.b64encode(poses).decode()}, separators=(",", ":")
    )
    # In a script element only '<' can end or open anything, and JSON writes it as well as an escape.
    payload = payload.replace("<", "\\u003c")
    return f'<div class="mbnb-view" data-mount="{mount}"><script type="application/json">{payload}</script></div>'


def page_script(names: Sequence[str], *mounts: str) -> str:
    """The script element that shows every `fragment` of a page, from the files `names` of `mbnb/web` and by their functions `mounts`."""
    return (
        f"<script>(() => {{\n{script(*names)}\nmountPage({{ {', '.join(mounts)} }})\n}})()</script>"
    )


def pack_poses(clips: Sequence[np.ndarray]) -> tuple[dict[str, list], bytes]:
    """Clips (T, J, 3) in metres -> what each needs to be read again (length, centre, scale), and all of them as bytes.

    Counts of `scale` metres from `centre`, at most half of STEP off; NaN becomes UNSEEN. Joint by joint and axis by axis, each
    less the one before it, low bytes before high bytes: that deflates to about a third.
    """
    about: dict[str, list] = {"length": [], "centre": [], "scale": []}
    parts = [np.zeros(0, np.int16)]
    for clip in clips:
        seen = np.isfinite(clip).all(-1, keepdims=True)  # (T, J, 1)
        points = clip[seen[..., 0]] if seen.any() else np.zeros((1, 3))
        low, high = points.min(0), points.max(0)
        centre, scale = (
            ((low + high) / 2).round(6),
            max(STEP, float((high - low).max() / 2 + 1e-3) / 32767),
        )
        counts = np.where(seen, np.rint((clip - centre) / scale), UNSEEN).astype(
            np.int16
        )  # (T, J, 3)
        with np.errstate(over="ignore"):
            parts.append(
                np.diff(counts.transpose(1, 2, 0), axis=-1, prepend=np.int16(0)).ravel()
            )  # (T, J, 3) -> (J, 3, T) -> (J·3·T,)
        for key, value in (("length", len(clip)), ("centre", centre.tolist()), ("scale", scale)):
            about[key].append(value)
    steps = np.concatenate(parts)
    folded = ((steps << 1) ^ (steps >> 15)).astype(
        "<u2"
    )  # small steps of either sign become small numbers
    planes = folded.view(np.uint8).reshape(-1, 2).T  # (N·2,) -> (2, N)
    return about, zlib.compress(planes.tobytes(), 6)


def png(figure: Figure, dpi: float = 80) -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
