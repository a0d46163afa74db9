"""What a browser shows: widgets in a notebook, and the same in a page without a kernel.

One script serves both. In a live notebook the widget talks to Python. An executed notebook that is
opened later keeps the widget's data and shows it again once it is trusted; until then it shows a
still picture and says why. A page needs no network.

Poses travel as 16-bit integers, as differences from frame to frame, deflated.
"""

import base64
import hashlib
import html
import io
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import anywidget
import jinja2
import numpy as np
import traitlets
from matplotlib.figure import Figure

from mbnb.files import PACKAGE

WEB = PACKAGE / "show" / "web"
POLICY = (
    "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; img-src data: blob: 'self' file:; media-src data: blob: 'self' file:"
)
STEP = 1e-4  # metres that a count stands for; more only where a clip is wider than six metres
UNSEEN = -32768
UNTRUSTED = (
    "This is a still picture: the notebook is not trusted here, or its widgets are not shown. "
    "Trust it (in JupyterLab: View, Activate Command Palette, Trust Notebook) or run it again."
)


def script(*names: str) -> str:
    """The source of some files of `mbnb/show/web`, one after the other."""
    return "\n".join((WEB / name).read_text(encoding="utf-8") for name in names)


class Widget(anywidget.AnyWidget):
    """What `mbnb/show/web` draws from `data` (JSON) and `poses` (bytes of `pack_poses`).

    A subclass names its script files in `scripts` and its function in them in `mount`.
    """

    scripts: tuple[str, ...] = ("player.js",)
    mount = "mountPlayer"
    data = traitlets.Dict().tag(sync=True)
    poses = traitlets.Bytes().tag(sync=True)

    def __init__(self, still: bytes = b"", label: str = "", **values: Any):
        self._still, self._label = still, label
        render = f"export default {{ render: ({{ model, el }}) => {self.mount}(el, model) }}"
        super().__init__(_esm=f"{script(*self.scripts)}\n{render}\n", **values)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        if shown is None:
            return None
        bundle, metadata = shown if isinstance(shown, tuple) else (shown, {})
        return bundle | {"text/html": self.still_html()}, metadata

    def still_html(self) -> str:
        """A picture and the reason why nothing moves; shown where scripts are not."""
        source = f"data:image/png;base64,{base64.b64encode(self._still).decode()}"
        picture = f'<img alt="{html.escape(self._label)}" src="{source}">' if self._still else ""
        return f"<div>{picture}<p><em>{html.escape(UNTRUSTED)}</em></p></div>"

    def fragment(self) -> str:
        """The same for a page, without Python behind it."""
        return fragment(self.mount, data=self.data, poses=self.poses)


def fragment(mount: str, poses: bytes, **values: Any) -> str:
    """A place in a page where the function `mount` of `mbnb/show/web` shows `values`.

    The page ends with `page_script`.
    """
    values |= {"poses": base64.b64encode(poses).decode()}
    # In a script element only '<' can end or open anything; JSON may write it as an escape.
    payload = json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")
    data = f'<script type="application/json">{payload}</script>'
    return f'<div class="mbnb-view" data-mount="{mount}">{data}</div>'


def page_script(names: Sequence[str], *mounts: str) -> str:
    """The script element that shows every `fragment` of a page.

    names: the files of `mbnb/show/web` that it takes. mounts: their functions for the fragments.
    """
    call = f"mountPage({{ {', '.join(mounts)} }})"
    return f"<script>(() => {{\n{script(*names)}\n{call}\n}})()</script>"


def rendered(template: str, script: str = "", **values: Any) -> str:
    """A page of a template of `mbnb/show/web`, everything in `values` escaped.

    script: the page's own `page_script`. The page forbids a browser whatever else it might find in
    it: other scripts, and anything from elsewhere but pictures and films beside it.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = re.fullmatch(r"<script>(.*)</script>", script, re.DOTALL)
    digest = hashlib.sha256((found[1] if found else "").encode()).digest()
    policy = POLICY.format(base64.b64encode(digest).decode())
    return environment.get_template(template).render(values, script=script, policy=policy)


def pack_poses(clips: Sequence[np.ndarray], step: float = STEP) -> tuple[dict[str, list], bytes]:
    """Clips (T, J, 3) in metres -> what each needs to be read again, and all of them as bytes.

    Each needs its length, centre and scale. Stored are counts of `scale` metres from `centre`, at
    most half of `step` off; NaN becomes UNSEEN. They stand joint by joint and axis by axis, each
    less the one before it, low bytes before high bytes: that deflates to about a third.
    """
    about: dict[str, list] = {"length": [], "centre": [], "scale": []}
    parts = [np.zeros(0, np.int16)]
    for clip in clips:
        is_known = np.isfinite(clip).all(-1, keepdims=True)  # (T, J, 1)
        points = clip[is_known[..., 0]] if is_known.any() else np.zeros((1, 3))
        low, high = points.min(0), points.max(0)
        centre = ((low + high) / 2).round(6)
        scale = max(step, float((high - low).max() / 2 + 1e-3) / 32767)
        # (T, J, 3)
        counts = np.where(is_known, np.rint((clip - centre) / scale), UNSEEN).astype(np.int16)
        lines = counts.transpose(1, 2, 0)  # (T, J, 3) -> (J, 3, T)
        with np.errstate(over="ignore"):
            parts.append(np.diff(lines, axis=-1, prepend=np.int16(0)).ravel())  # (J·3·T,)
        for key, value in (("length", len(clip)), ("centre", centre.tolist()), ("scale", scale)):
            about[key].append(value)
    steps = np.concatenate(parts)
    # Small steps of either sign become small numbers.
    folded = ((steps << 1) ^ (steps >> 15)).astype("<u2")
    planes = folded.view(np.uint8).reshape(-1, 2).T  # (N·2,) -> (2, N)
    return about, zlib.compress(planes.tobytes(), 6)


def png(figure: Figure, dpi: float = 80) -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
