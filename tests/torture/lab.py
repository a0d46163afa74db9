"""JupyterLab as `make lab` starts it: on this machine alone, and for nobody without its token."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
from torture.outcome import Outcome

from mbnb.files import ROOT

STARTS = 60  # seconds at most
ADDRESS = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\]):(\d+)/lab\?token=(\w{40,})")
HOME = ("127.0.0.1", "::1")


def lab(folder: Path, kills: int, seconds: float, seed: int) -> Iterator[Outcome]:
    """Start it, see where it listens, and ask it with and without its token."""
    command = re.search(r"^lab:.*\n\t\$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text(), re.M)
    folder.mkdir(parents=True, exist_ok=True)
    # The last is what Jupyter wants of the user root.
    asked = [sys.executable, *command[1].split(), "--no-browser", "--allow-root"]
    with open(folder / "log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(asked, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield _asked(process, folder / "log")
        finally:
            process.terminate()
            process.wait()


def _asked(process: subprocess.Popen, log: Path) -> Outcome:
    end, found = time.monotonic() + STARTS, None
    while not found and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)
        found = ADDRESS.search(log.read_text(encoding="utf-8"))
    if not found:
        return Outcome("JupyterLab", 1, 0, [log.read_text(encoding="utf-8")[-300:]])
    port, token, lost = found[2], found[3], []
    mine = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(True))]
    for one in psutil.net_connections("inet"):
        if one.status == psutil.CONN_LISTEN and one.pid in mine and one.laddr.ip not in HOME:
            lost.append(f"it listens on {one.laddr.ip}")
    codes = {}
    for what, path, wanted in (
        ("without a token", "api/contents", 403),
        ("with another one", f"api/contents?token={'0' * len(token)}", 403),
        ("with its own", f"api/contents?token={token}", 200),
    ):
        try:
            address = f"http://127.0.0.1:{port}/{path}"
            codes[what] = urllib.request.urlopen(address, timeout=10).status
        except urllib.error.HTTPError as error:
            codes[what] = error.code
        if codes[what] != wanted:
            lost.append(f"{what}: answer {codes[what]}, not {wanted}")
    said = ", ".join(f"{what} {code}" for what, code in codes.items())
    return Outcome("JupyterLab", len(codes) + 1, len(codes) + 1 - len(lost), lost, said)
