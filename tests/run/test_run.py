"""The notebooks, headlessly: on simulated people at a tiny size, on recordings of real people, and when something is wrong."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import Page, until

from mbnb.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "outputs" / "screenshots"  # what the tests saw, to be looked at
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TINY = dict(
    epochs=2,
    dim_feat=8,
    dim_rep=8,
    depth=1,
    num_heads=2,
    hidden_dim=16,
    clip_len=8,
    batch_size=64,
    bootstraps=30,
    explained=10,
)
SIMULATED = dict(simulated_people=7, simulated_test_people=3, simulated_clips=26)


def call(*command, **options):
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        **options,
    )


def command_line(*command):
    """The same without a process of its own, which takes seconds to begin."""
    return CliRunner().invoke(main, list(map(str, command)))


def run(outputs, *notebooks, **parameters):
    given = [
        part
        for key, value in {
            "outputs": outputs,
            "recipes": ROOT / "tests" / "recipes.yaml",
            **parameters,
        }.items()
        for part in ("-p", key, value)
    ]
    return call("mbnb", "run", *notebooks, *given)


def errors(path):
    notebook = nbformat.read(path, as_version=4)
    return [
        output.ename
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]


def outside_addresses(page):
    """What a browser would fetch from elsewhere."""
    # Something must be between a name and an address: the base64 of a picture, whose letters may spell a name, has nothing there.
    return re.findall(
        r"""(?:src|href|url|@import|fetch|import)(?=[\s=(:"'])\s*[=(:]?\s*["'(]?\s*((?:https?:)?//[^\s"')]+)""",
        page,
    )


def check_run(folder, notebooks):
    assert [path.name for path in sorted((folder / "notebooks").glob("*.ipynb"))] == notebooks
    for path in (folder / "notebooks").glob("*.ipynb"):
        assert errors(path) == []
    kept = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "config.yaml",
        "environment.json",
        "history.csv",
        "metrics.json",
        "predictions.csv",
        "per_class.csv",
        "report.html",
        "checkpoints/best.pt",
        "checkpoints/latest.pt",
    } <= kept
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"top1", "top5", "macro_f1", "region_top1", "n_test"} <= metrics.keys()
    assert 0 <= metrics["top1"] <= metrics["top5"] <= 1
    table = pd.read_csv(folder / "predictions.csv")
    assert len(table) == metrics["n_test"]
    assert table["correct"].mean() == pytest.approx(metrics["top1"])
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1, atol=1e-3)
    report = (folder / "report.html").read_text()
    assert outside_addresses(report) == []
    assert len(report) < 10_000_000
    for name in ("confusion_matrix", "region_matrix", "error_split", "class_profile", "curves"):
        assert f"figures/{name}.png" in kept
    assert report.count("data:image/png;base64,") >= 10
    assert report.count('data-mount="mountExplorer"') == 1
    assert (folder / "classes" / "index.html").exists() and outside_addresses(
        (folder / "explorer.html").read_text()
    ) == []
    return metrics


@pytest.fixture(scope="module")
def simulated_run(tmp_path_factory):
    outputs = tmp_path_factory.mktemp("outputs")
    done = run(outputs, run="tiny", **TINY, **SIMULATED)
    assert done.returncode == 0, done.stderr
    return outputs / "tiny"


def test_all_notebooks_run_on_simulated_people(simulated_run):
    metrics = check_run(simulated_run, [path.name for path in NOTEBOOKS])
    assert metrics["simulated"] and metrics["n_test"] == 78 and metrics["people_also_in_train"] == 0
    assert set(metrics["baselines"]) == {"linear model", "always the largest class"}
    ablation = pd.read_csv(simulated_run / "recipes" / "ablation.csv")
    assert (
        ablation["variant"].tolist() == ["default", "random convolutions", "linear model"]
        and ablation["difference"][0] == 0
    )
    assert "Simulated people" in (simulated_run / "report.html").read_text()
    assert (simulated_run / "figures" / "clip.gif").read_bytes()[:6] == b"GIF89a"
    quality = pd.read_csv(simulated_run / "converted" / "quality.csv")
    assert len(quality) == 3 and (quality["detected"] > 0.9).all()


def test_a_long_training_leaves_no_flood_of_lines(simulated_run):
    notebook = nbformat.read(simulated_run / "notebooks" / "03_training.ipynb", as_version=4)
    printed = "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    )
    assert len(printed.splitlines()) < 20


def test_a_later_notebook_needs_the_name_of_the_run_only(simulated_run):
    before = json.loads((simulated_run / "metrics.json").read_text())
    (simulated_run / "metrics.json").unlink()
    done = run(simulated_run.parent, "04", run="tiny")
    assert done.returncode == 0, done.stderr
    assert json.loads((simulated_run / "metrics.json").read_text()) == before


def test_the_commands_beside_run_do_the_same(simulated_run, tmp_path):
    checkpoint = simulated_run / "checkpoints" / "best.pt"
    done = command_line("evaluate", checkpoint, "-p", "run", "again", "-p", "outputs", tmp_path)
    assert done.exit_code == 0, done.stderr
    saved = json.loads((simulated_run / "metrics.json").read_text())
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert {key: again[key] for key in ("top1", "macro_f1", "intervals", "fingerprint")} == {
        key: saved[key] for key in ("top1", "macro_f1", "intervals", "fingerprint")
    }
    table = command_line("leaderboard", "-p", "outputs", tmp_path).stdout
    assert "again" in table and "simulated" in table
    done = command_line(
        "combine",
        "again",
        tmp_path / "again" / "predictions.csv",
        "--weights",
        "2,1",
        "-p",
        "outputs",
        tmp_path,
        "-p",
        "run",
        "both",
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "both" / "metrics.json").read_text())["top1"] == saved["top1"]
    done = command_line(
        "submit",
        tmp_path / "again" / "predictions.csv",
        "--sample",
        tmp_path / "again" / "predictions.csv",
        "-p",
        "class_table",
        "document",
        "--out",
        tmp_path / "s.zip",
    )
    assert (
        done.exit_code == 2
        and "expected the columns vid" in done.stderr
        and not (tmp_path / "s.zip").exists()
    )

    data = tmp_path / "people"
    size = [part for key, value in SIMULATED.items() for part in ("-p", key, value)]
    assert command_line("simulate", data, *size).exit_code == 0
    verified = subprocess.run(
        [sys.executable, "-m", "mbnb", "verify", data.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (
        verified.returncode == 0
        and "0 errors" in verified.stdout
        and "simulated people" in verified.stdout
    ), verified.stdout
    (data / "test_labels.txt").unlink()  # predicting needs no labels
    done = command_line("predict", checkpoint, data, "--out", tmp_path / "p.csv")
    assert done.exit_code == 0, done.stderr
    predicted = pd.read_csv(tmp_path / "p.csv").set_index("clip").filter(regex="^p_")
    expected = pd.read_csv(simulated_run / "predictions.csv").set_index("clip").filter(regex="^p_")
    np.testing.assert_allclose(predicted, expected.loc[predicted.index], atol=1e-3)

    np.save(
        data / "train" / next(iter(sorted(os.listdir(data / "train")))) / "pose_3d.npy",
        np.full((9, 17, 3), np.nan),
    )
    verified = command_line("verify", data)
    assert verified.exit_code == 1 and "NaN" in verified.stdout and "1 errors" in verified.stdout

    done = command_line("monitor", simulated_run)
    assert done.exit_code == 0 and "epoch 2 of 2" in done.stdout, done.stderr


def test_training_by_command_with_the_documented_yaml(shared, tmp_path):
    text = (shared / "mission" / "000_5264d2a983e10901.txt").read_text(
        encoding="utf-8", errors="replace"
    )
    (tmp_path / "MB_train_custom.yaml").write_text(
        re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    )
    data = tmp_path / "people"
    assert (
        call(
            "mbnb",
            "simulate",
            data,
            "-p",
            "simulated_people",
            2,
            "-p",
            "simulated_test_people",
            1,
            "-p",
            "simulated_clips",
            3,
        ).returncode
        == 0
    )
    done = call(
        "mbnb",
        "train",
        "-f",
        tmp_path / "MB_train_custom.yaml",
        "-p",
        "epochs",
        1,
        "-p",
        "data_root",
        data,
        "-p",
        "outputs",
        tmp_path,
        "-p",
        "run",
        "doc",
    )
    assert done.returncode == 0, done.stderr
    settings = (tmp_path / "doc" / "config.yaml").read_text()
    for line in (
        "recipe: parity",
        "dim_feat: 192",
        "hidden_dim: 64",
        "lr_head: 8.0e-05",
        "clip_len: 243",
        "dropout_ratio: 0.7",
    ):
        assert line in settings


@pytest.mark.parametrize("command", ["papermill", "mbnb"])
def test_an_unknown_parameter_is_refused(tmp_path, command):
    if command == "papermill":
        done = call(
            "papermill",
            NOTEBOOKS[2],
            tmp_path / "out.ipynb",
            "-p",
            "epohcs",
            5,
            "-k",
            "python3",
            "--cwd",
            ROOT / "notebooks",
        )
    else:
        done = run(tmp_path, "03", epohcs=5)
    assert done.returncode != 0
    assert "did you mean 'epochs'" in done.stderr


def test_plain_papermill_passes_parameters_on(tmp_path):
    given = [
        part
        for key, value in {
            "outputs": tmp_path,
            "run": "plain",
            **TINY,
            **SIMULATED,
            "epochs": 1,
        }.items()
        for part in ("-p", key, value)
    ]
    done = call("papermill", NOTEBOOKS[2], tmp_path / "out.ipynb", *given, "-k", "python3")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "plain" / "history.csv")) == 1


def test_a_broken_notebook_is_kept_and_stops_the_run(tmp_path):
    done = run(tmp_path, "01", "03", data_root=tmp_path / "nowhere", run="broken")
    assert done.returncode == 1
    assert "nowhere" in done.stderr and "InputError" in done.stderr
    assert errors(tmp_path / "broken" / "notebooks" / "01_data_exploration.ipynb")
    assert not (tmp_path / "broken" / "notebooks" / "03_training.ipynb").exists()


# ---------------------------------------------------------------- in a real browser


@pytest.fixture(scope="module")
def lab(simulated_run, tmp_path_factory, browser):
    """A JupyterLab that shows the folder of runs: open a notebook in it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    own = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "apputils-extension/notification": {"fetchNews": "false"},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }.items():
        path = (
            own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        )  # nothing asks in a corner of the pictures, and they show all cells
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
    places = {
        f"JUPYTERLAB_{name}_DIR": str(own / name.lower()) for name in ("SETTINGS", "WORKSPACES")
    } | {"JUPYTER_CONFIG_DIR": str(own)}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={simulated_run.parent}",
        "--expose-app-in-browser",
    ]
    with (
        open(own / "log.txt", "w") as log,
        subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | places
        ) as server,
    ):
        address = f"http://127.0.0.1:{port}"

        def answers():
            try:
                return urllib.request.urlopen(f"{address}/api", timeout=1).status == 200
            except (urllib.error.URLError, OSError):
                return False

        until(answers, 60)

        def open_notebook(path, height=900):
            browser.set_window_size(1366, height)
            browser.get(f"{address}/doc/tree/{path.relative_to(simulated_run.parent)}")
            until(
                lambda: browser.execute_script(
                    "return window.jupyterapp?.shell?.currentWidget?.context?.isReady === true"
                ),
                60,
            )
            until(
                lambda: browser.execute_script(
                    "return document.querySelectorAll('.jp-Notebook .jp-Cell:not(.jp-Cell-Placeholder)').length"
                    " === window.jupyterapp.shell.currentWidget.content.widgets.length"
                ),
                60,
            )
            return browser

        yield open_notebook
        browser.get("about:blank")
        browser.set_window_size(1366, 900)
        server.terminate()


def command(browser, name, **arguments):
    browser.execute_script(
        "window.jupyterapp.commands.execute(arguments[0], arguments[1])", name, arguments
    )


def wrong_cell(folder):
    """A cell of the run's confusion matrix with errors: class ids, and the surest clip in it."""
    table, classes = (
        pd.read_csv(folder / "predictions.csv"),
        pd.read_csv(folder / "per_class.csv")["code"].tolist(),
    )
    wrong = table[~table["correct"]]
    true, predicted = wrong.groupby(["true", "predicted"]).size().idxmax()
    own = wrong[(wrong["true"] == true) & (wrong["predicted"] == predicted)]
    return (
        classes.index(true),
        classes.index(predicted),
        own.loc[own["confidence"].idxmax(), "clip"],
    )


@pytest.fixture(scope="module")
def live_05(simulated_run, lab):
    """05 as a user would open it, for the run, with all its cells run in JupyterLab; and the explorer in it."""
    notebook = nbformat.read(NOTEBOOKS[4], as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += f"\noutputs = {str(simulated_run.parent)!r}\nrun = {simulated_run.name!r}\n"
    path = simulated_run.parent / "lab" / "05.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)
    browser = lab(path)
    idle = lambda: (
        browser.execute_script(
            "return window.jupyterapp.shell.currentWidget.context.sessionContext.session?.kernel?.status"
        )
        == "idle"
    )
    until(idle, 60)
    command(browser, "notebook:run-all-cells")
    until(lambda: browser.find_elements("css selector", ".mbnb"), 120)
    until(idle, 120)
    return browser


def test_in_jupyterlab_a_click_plays_clips_and_a_note_reaches_the_run(simulated_run, live_05):
    from selenium.webdriver import Keys

    page = Page(live_05)
    true, predicted, clip = wrong_cell(simulated_run)
    live_05.execute_script("document.querySelector('.mbnb').scrollIntoView()")
    page.click_cell(true, predicted)
    until(lambda: clip in page.one("section.detail").text)
    until(lambda: page.coloured() > 100)
    waited = page.run(
        """
        const [i, j] = arguments, canvas = root.querySelector('canvas.matrix'), box = canvas.getBoundingClientRect(), [x, y] = root.explorer.panels.matrix.at(i, j)
        const began = performance.now()
        canvas.dispatchEvent(new MouseEvent('click', { clientX: box.left + x, clientY: box.top + y, bubbles: true }))
        return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))))""",
        true,
        predicted,
    )
    print(f"from click to first frame: {waited:.0f} ms")
    start = page.pixels()
    page.click("section.detail button.play")
    until(lambda: page.frame() > 3)
    assert page.pixels() != start
    page.one("section.detail input.frame").send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 4)
    page.pixels()
    assert page.frame() == 4 and page.pixels() != start
    page.one("input.note").send_keys(
        "mislabelled? dd\t"
    )  # in command mode, dd would delete the cell
    until(lambda: [one.text for one in page.all(".review .saved")] == ["saved in review.csv"], 60)
    kept = pd.read_csv(simulated_run / "review.csv", keep_default_na=False)
    assert kept.to_dict("records") == [{"clip": clip, "note": "mislabelled? dd", "label": ""}]
    until(
        lambda: (
            json.loads((simulated_run / "explorer.json").read_text())["cell"] == [true, predicted]
        )
    )
    live_05.save_screenshot(SCREENSHOTS / "explorer.png")


def test_in_jupyterlab_a_clip_is_explained_when_asked(simulated_run, live_05):
    from selenium.webdriver import ActionChains

    page = Page(live_05)
    page.run("root.explorer.state.tab = 'matrix'")
    asked = page.run("""
        const { data } = root.explorer.store
        const i = data.clips.label.findIndex((label, i) => i < data.scored && !(i in data.importance))
        return [data.clips.label[i], data.clips.top[i][0]]""")
    page.click_cell(*asked)
    until(lambda: page.all("button.why"))
    asking = len(page.all("button.why"))
    page.one("input.note").send_keys("half a")  # what is being written outlasts the answer
    page.run("root.querySelector('button.why').dispatchEvent(new MouseEvent('click'))")
    until(lambda: len(page.all("button.why")) < asking, 60)
    assert page.run("return root.querySelector('input.note').value") == "half a"
    ActionChains(live_05).send_keys(" note\t").perform()
    until(lambda: [one.text for one in page.all(".review .saved")] == ["saved in review.csv"], 60)
    assert "half a note" in (simulated_run / "review.csv").read_text()
    plain = page.pixels()
    page.run("root.querySelector('section.detail input.heat').click()")
    until(lambda: page.pixels() != plain)
    page.run(
        "root.querySelector('section.detail input.heat').click()"
    )  # sides have their colours again in what follows
    until(lambda: page.pixels() == plain)


def test_jupyterlab_in_the_dark(simulated_run, live_05):
    page = Page(live_05)
    page.click_cell(*wrong_cell(simulated_run)[:2])
    command(live_05, "apputils:change-theme", theme="JupyterLab Dark")
    until(lambda: page.run("return root.host.classList.contains('dark')"), 30)
    until(
        lambda: (
            max(
                map(
                    int,
                    re.findall(
                        r"\d+", page.run("return getComputedStyle(root.host).backgroundColor")
                    )[:3],
                )
            )
            < 60
        )
    )
    until(lambda: not live_05.find_elements("id", "jupyterlab-splash"), 30)
    live_05.execute_script("document.querySelector('.mbnb').scrollIntoView()")
    until(lambda: page.coloured() > 100)
    live_05.save_screenshot(SCREENSHOTS / "explorer_dark.png")
    command(live_05, "apputils:change-theme", theme="JupyterLab Light")
    until(lambda: not page.run("return root.host.classList.contains('dark')"), 30)


def test_an_executed_notebook_shows_its_explorer_and_an_untrusted_one_a_picture(simulated_run, lab):
    path = simulated_run / "notebooks" / NOTEBOOKS[4].name
    browser = lab(path)
    until(lambda: browser.find_elements("css selector", ".jp-OutputArea"), 30)
    until(lambda: browser.find_elements("css selector", ".mbnb"), 30)
    page = Page(browser)
    true, predicted, clip = wrong_cell(simulated_run)
    page.click_cell(true, predicted)
    until(lambda: clip in page.one("section.detail").text)

    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].source += "  # by somebody else"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    stranger = simulated_run.parent / "lab" / "stranger.ipynb"
    stranger.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, stranger)
    browser = lab(stranger)
    until(lambda: "notebook is not trusted" in browser.find_element("tag name", "body").text, 30)
    assert not browser.find_elements("css selector", ".mbnb")
    assert browser.execute_script(
        "return [...document.images].some(image => image.src.startsWith('data:image/png') && image.naturalWidth > 100)"
    )


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS])
def test_every_executed_notebook_reads_on_a_laptop_screen(simulated_run, lab, name):
    browser = lab(simulated_run / "notebooks" / f"{name}.ipynb")
    tall = browser.execute_script("""
        const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')]
        return cells.at(-1).getBoundingClientRect().bottom - cells[0].getBoundingClientRect().top""")
    browser.set_window_size(1366, min(tall + 400, 16_000))
    until(
        lambda: (
            not browser.execute_script(
                "return [...document.images].some(image => !image.complete) || document.body.innerText.includes('Loading widget')"
            )
        ),
        30,
    )
    browser.save_screenshot(SCREENSHOTS / f"{name}.png")
    wide = browser.execute_script("""
        return [...document.querySelectorAll('.jp-OutputArea-output img, .jp-OutputArea-output .mbnb')].filter(
            node => node.getBoundingClientRect().right > innerWidth).length""")
    assert wide == 0, "something is cut off to the right"


def test_the_report_explores_without_a_network(simulated_run, browser):
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    try:
        browser.set_window_size(1366, 900)
        browser.get((simulated_run / "report.html").as_uri())
        page = Page(browser)
        true, predicted, clip = wrong_cell(simulated_run)
        page.click_cell(true, predicted)
        until(lambda: clip in page.one("section.detail").text)
        until(lambda: page.coloured() > 100)
        start = page.pixels()
        page.click("section.detail button.play")
        until(lambda: page.frame() > 3)
        assert page.pixels() != start
        browser.save_screenshot(SCREENSHOTS / "report.png")
    finally:
        browser.get("about:blank")
        browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )
