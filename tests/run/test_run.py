"""The notebooks, headlessly: on simulated people, when something is wrong, and in a browser."""

import json
import os
import re
import subprocess
import sys

import build
import nbformat
import numpy as np
import pandas as pd
import pytest
from build import SIMULATED, TINY
from conftest import Page, until
from run.headless import (
    NOTEBOOKS,
    OUTSIDE,
    call,
    command_line,
    errors,
    options,
    outputs_of,
    run,
)

from mbnb.config import Config
from mbnb.files import ROOT, InputError
from mbnb.run.notebooks import run_notebooks, without_videos

SCREENSHOTS = ROOT / "outputs" / "screenshots"  # what the tests saw, to be looked at


def test_all_notebooks_run_on_simulated_people(simulated_run):
    executed = sorted((simulated_run / "notebooks").glob("*.ipynb"))
    assert [path.name for path in executed] == [path.name for path in NOTEBOOKS]
    assert [errors(path) for path in executed] == [[]] * len(executed)
    metrics = json.loads((simulated_run / "metrics.json").read_text())
    assert metrics["simulated"] and metrics["n_test"] == 78 and metrics["people_also_in_train"] == 0
    assert set(metrics["baselines"]) == {"linear model", "always the largest class"}
    assert 0 <= metrics["top1"] <= metrics["top5"] <= 1
    table = pd.read_csv(simulated_run / "predictions.csv")
    assert len(table) == metrics["n_test"]
    assert table["correct"].mean() == pytest.approx(metrics["top1"])
    np.testing.assert_allclose(table.filter(regex="^p_").sum(axis=1), 1, atol=1e-3)
    ablation = pd.read_csv(simulated_run / "recipes" / "ablation.csv")
    assert ablation["variant"].tolist() == ["default", "random convolutions", "linear model"]
    assert ablation["difference"][0] == 0
    quality = pd.read_csv(simulated_run / "converted" / "quality.csv")
    assert len(quality) == 3 and (quality["detected"] > 0.9).all()


def test_a_run_leaves_its_files_and_pages_that_need_no_network(simulated_run):
    paths = (path for path in simulated_run.rglob("*") if path.is_file())
    names = {path.relative_to(simulated_run).as_posix() for path in paths}
    figures = ("confusion_matrix", "region_matrix", "error_split", "class_profile", "curves")
    assert {f"figures/{name}.png" for name in figures} <= names
    assert {"config.yaml", "environment.json", "history.csv", "per_class.csv"} <= names
    assert {"checkpoints/best.pt", "checkpoints/latest.pt", "classes/index.html"} <= names
    assert (simulated_run / "figures" / "clip.gif").read_bytes()[:6] == b"GIF89a"
    report = (simulated_run / "report.html").read_text()
    assert "Simulated people" in report and len(report) < 10_000_000
    assert report.count("data:image/png;base64,") >= 10
    assert report.count('data-mount="mountExplorer"') == 1
    for page in (report, (simulated_run / "explorer.html").read_text()):
        assert OUTSIDE.findall(page) == []


def test_an_encoder_beside_actions_has_a_run_of_its_own_that_can_be_evaluated(simulated_run):
    encoder = simulated_run.with_name("tiny_encoder")
    names = {path.relative_to(encoder).as_posix() for path in encoder.rglob("*") if path.is_file()}
    assert {"checkpoints/best.pt", "history.csv", "lifting.csv", "lifted_clips.csv"} <= names
    pictures = ("curves", "recovered", "recovered_joints", "lifted", "lifted_joints")
    assert {f"figures/{name}.png" for name in pictures} <= names
    table = pd.read_csv(encoder / "lifting.csv", index_col="method")
    assert table.index.tolist() == ["encoder", "linear", "mlp", "convolutions"]
    place = options(outputs=simulated_run.parent)
    done = command_line("evaluate", "tiny_encoder", "--minutes", 0, *place)
    assert done.exit_code == 0, done.stderr
    assert f"encoder {table['mpjpe']['encoder']:.1f} (" in re.sub(" +", " ", done.stdout)
    assert (simulated_run / "lifted" / "players.html").exists()
    assert "epoch 2 of 2" in command_line("monitor", encoder).stdout


def test_a_bar_says_which_notebook_runs_and_how_long_is_left(simulated_run):
    told = (simulated_run / "stderr.txt").read_text()
    for i, path in enumerate(NOTEBOOKS):
        assert f"{path.stem} ({i + 1} of {len(NOTEBOOKS)})" in told
    assert re.search(r"gone, about \d\d:\d\d left", told)
    assert len(re.findall("gone, about", told)) < 100, "a file of what was told stays short"


def test_a_long_training_leaves_no_flood_of_lines(simulated_run):
    outputs = outputs_of(simulated_run / "notebooks" / "03_training.ipynb")
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert len(printed.splitlines()) < 20


def test_a_later_notebook_needs_the_name_of_the_run_only(simulated_run):
    before = json.loads((simulated_run / "metrics.json").read_text())
    (simulated_run / "metrics.json").unlink()
    done = run(simulated_run.parent, "04", run="tiny")
    assert done.returncode == 0, done.stderr
    assert json.loads((simulated_run / "metrics.json").read_text()) == before


def test_evaluate_leaderboard_and_combine_say_what_the_notebooks_say(simulated_run, tmp_path):
    checkpoint = simulated_run / "checkpoints" / "best.pt"
    done = command_line("evaluate", checkpoint, *options(run="again", outputs=tmp_path))
    assert done.exit_code == 0, done.stderr
    saved = json.loads((simulated_run / "metrics.json").read_text())
    again = json.loads((tmp_path / "again" / "metrics.json").read_text())
    for name in ("top1", "macro_f1", "intervals", "fingerprint"):
        assert again[name] == saved[name]
    table = command_line("leaderboard", *options(outputs=tmp_path)).stdout
    assert "again" in table and "simulated" in table
    predictions = tmp_path / "again" / "predictions.csv"
    both = ("again", predictions, "--weights", "2,1", *options(outputs=tmp_path, run="both"))
    done = command_line("combine", *both)
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "both" / "metrics.json").read_text())["top1"] == saved["top1"]


def test_a_submission_without_the_organisers_columns_is_refused(simulated_run, tmp_path):
    predictions, out = simulated_run / "predictions.csv", tmp_path / "submission.zip"
    sample = ("--sample", predictions, "--out", out, *options(class_table="document"))
    done = command_line("submit", predictions, *sample)
    assert done.exit_code == 2 and "expected the columns vid" in done.stderr
    assert not out.exists()


def test_verify_and_predict_read_a_folder(simulated_run, tmp_path):
    data = tmp_path / "people"
    assert command_line("simulate", data, *options(**SIMULATED)).exit_code == 0
    verify = [sys.executable, "-m", "mbnb", "verify", data.name]
    verified = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout
    assert "ready to train" in verified.stdout and "simulated people" in verified.stdout

    (data / "test_labels.txt").unlink()  # predicting needs no labels
    checkpoint = simulated_run / "checkpoints" / "best.pt"
    done = command_line("predict", checkpoint, data, "--out", tmp_path / "p.csv")
    assert done.exit_code == 0, done.stderr
    predicted, expected = (
        pd.read_csv(path).set_index("clip").filter(regex="^p_")
        for path in (tmp_path / "p.csv", simulated_run / "predictions.csv")
    )
    np.testing.assert_allclose(predicted, expected.loc[predicted.index], atol=1e-3)

    first = min(os.listdir(data / "train"))
    np.save(data / "train" / first / "pose_3d.npy", np.full((9, 17, 3), np.inf))
    verified = command_line("verify", data)
    assert verified.exit_code == 1 and "infinite" in verified.stdout
    assert "not yet: 1 thing" in verified.stdout


def test_monitor_tells_of_a_finished_training(simulated_run):
    done = command_line("monitor", simulated_run)
    assert done.exit_code == 0 and "epoch 2 of 2" in done.stdout, done.stderr


def test_training_by_command_with_the_documented_yaml(shared, tmp_path):
    text = (shared / "mission" / "000_5264d2a983e10901.txt").read_text("utf-8", errors="replace")
    documented, data = tmp_path / "MB_train_custom.yaml", tmp_path / "people"
    documented.write_text(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    few = options(simulated_people=2, simulated_test_people=1, simulated_clips=3)
    assert command_line("simulate", data, *few).exit_code == 0
    given = options(epochs=1, data_root=data, outputs=tmp_path, run="doc")
    done = command_line("train", "-f", documented, *given)
    assert done.exit_code == 0, done.stderr
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
        out = ("-k", "python3", "--cwd", ROOT / "notebooks")
        done = call("papermill", NOTEBOOKS[2], tmp_path / "out.ipynb", "-p", "epohcs", 5, *out)
    else:
        done = run(tmp_path, "03", epohcs=5)
    assert done.returncode != 0
    assert "did you mean 'epochs'" in done.stderr


def test_plain_papermill_passes_parameters_on(tmp_path):
    given = options(outputs=tmp_path, run="plain", **TINY | SIMULATED | {"epochs": 1})
    done = call("papermill", NOTEBOOKS[2], tmp_path / "out.ipynb", *given, "-k", "python3")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "plain" / "history.csv")) == 1


def test_a_broken_notebook_is_kept_and_stops_the_run(tmp_path):
    data = build.data_folder(tmp_path / "people", build.splits())
    first = min((data / "train").iterdir())
    np.save(first / "pose_3d.npy", np.full((9, 17, 3), np.inf))
    done = run(tmp_path, "01", "03", data_root=data, run="broken")
    assert done.returncode == 1
    assert first.name in done.stderr and "InputError" in done.stderr
    assert errors(tmp_path / "broken" / "notebooks" / "01_data_exploration.ipynb")
    assert not (tmp_path / "broken" / "notebooks" / "03_training.ipynb").exists()


def test_a_kernel_that_dies_is_told_of_and_its_notebook_kept(tmp_path):
    code = ["outputs, run = 1, 2", "print('so far')", "import os; os.kill(os.getpid(), 9)"]
    cells = [nbformat.v4.new_code_cell(line) for line in code]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    nbformat.write(notebook, tmp_path / "01_dies.ipynb")
    with pytest.raises(InputError, match="kernel of this notebook died.*the same command again"):
        run_notebooks([tmp_path / "01_dies.ipynb"], {"outputs": str(tmp_path), "run": "a"})
    kept = outputs_of(tmp_path / "a" / "notebooks" / "01_dies.ipynb")
    assert kept[0].text == "so far\n"


@pytest.mark.parametrize("place", ["long", "nowhere"])
def test_kernels_start_wherever_temporary_files_and_homes_lie(tmp_path, monkeypatch, place):
    folder = tmp_path / ("x" * 101)
    if place == "long":
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    # Where there is no home, and where nothing can be written at home.
    home = str(tmp_path / "file" / "home") if place == "long" else os.devnull
    monkeypatch.setenv("HOME", home)
    (tmp_path / "file").touch()
    done = run(tmp_path, "03", run="a", **TINY | SIMULATED | {"epochs": 1})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "report.html").exists()
    assert not (tmp_path / "a" / ".lock").exists()


def test_bars_are_no_broken_widgets_in_executed_notebooks(simulated_run):
    for path in sorted((simulated_run / "notebooks").glob("*.ipynb")):
        for output in outputs_of(path):
            shown = output.get("data", {})
            assert "application/vnd.jupyter.widget-view+json" not in shown or "text/html" in shown


def test_02_is_left_out_with_one_line_where_videos_cannot_be_read(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    assert without_videos(NOTEBOOKS[:3], Config()) == [NOTEBOOKS[0], NOTEBOOKS[2]]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("02 is left out: videos need mediapipe") and "pip install" in line
    done = command_line("run", "02", *options(outputs=tmp_path))
    assert done.exit_code == 2 and done.stderr.startswith("error: videos need mediapipe")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- in a real browser


def command(browser, name, **arguments):
    browser.execute_script(
        "window.jupyterapp.commands.execute(arguments[0], arguments[1])", name, arguments
    )


def picture(browser, name):
    """Keep what the browser shows."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(SCREENSHOTS / f"{name}.png")


def wrong_cell(folder):
    """A cell of the run's confusion matrix with errors: class ids, and the surest clip in it."""
    table = pd.read_csv(folder / "predictions.csv")
    codes = pd.read_csv(folder / "per_class.csv")["code"].tolist()
    wrong = table[~table["correct"]]
    true, predicted = wrong.groupby(["true", "predicted"]).size().idxmax()
    there = wrong[(wrong["true"] == true) & (wrong["predicted"] == predicted)]
    clip = there.loc[there["confidence"].idxmax(), "clip"]
    return codes.index(true), codes.index(predicted), clip


def test_in_jupyterlab_a_click_plays_clips_and_a_note_reaches_the_run(simulated_run, live_05):
    from selenium.webdriver import Keys

    page = Page(live_05)
    true, predicted, clip = wrong_cell(simulated_run)
    live_05.execute_script("document.querySelector('.mbnb').scrollIntoView()")
    page.click_cell(true, predicted)
    until(lambda: clip in page.one("section.detail").text)
    until(lambda: page.coloured() > 100)
    start = page.pixels()
    page.click("section.detail button.play")
    until(lambda: page.frame() > 3)
    assert page.pixels() != start
    page.one("section.detail input.frame").send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * 4)
    page.pixels()
    assert page.frame() == 4 and page.pixels() != start
    # In command mode, dd would delete the cell.
    page.one("input.note").send_keys("mislabelled? dd\t")
    until(lambda: [one.text for one in page.all(".review .saved")] == ["saved in review.csv"], 60)
    kept = pd.read_csv(simulated_run / "review.csv", keep_default_na=False)
    assert kept.to_dict("records") == [{"clip": clip, "note": "mislabelled? dd", "label": ""}]
    state = simulated_run / "explorer.json"
    until(lambda: json.loads(state.read_text())["view"]["cell"] == [true, predicted])
    picture(live_05, "explorer")


def test_in_jupyterlab_a_clip_is_explained_when_asked(simulated_run, live_05):
    from selenium.webdriver import ActionChains

    page = Page(live_05)
    page.run("root.explorer.state.tab = 'matrix'")
    asked = page.run("""
        const { data } = root.explorer.store
        const i = data.clips.label.findIndex(
            (label, i) => i < data.scored && !(i in data.importance))
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
    # Sides have their colours again in what follows.
    page.run("root.querySelector('section.detail input.heat').click()")
    until(lambda: page.pixels() == plain)


def test_in_jupyterlab_a_segment_is_corrected_and_the_edit_kept(simulated_run, live_05):
    from selenium.webdriver import ActionChains, Keys

    place = """return [...document.querySelectorAll('.mbnb')].findIndex(
        host => host.shadowRoot.timeline?.ready)"""
    until(lambda: live_05.execute_script(place) >= 0, 120)
    page = Page(live_05, live_05.execute_script(place))
    page.run("root.host.scrollIntoView(); root.querySelector('canvas.lanes').focus()")
    # In command mode, these keys would copy, cut and delete cells.
    keys = Keys.ARROW_DOWN, "a", Keys.ARROW_DOWN, "x", "r", "nod", Keys.ENTER
    ActionChains(live_05).send_keys(*keys).perform()
    until(lambda: "saved in" in page.one(".outcome").text, 60)
    kept = json.loads((simulated_run.parent / "lab" / "film_edits.json").read_text())
    about = [(one["verdict"], one["label"], one["start"]) for one in kept["edits"]]
    assert about == [("accepted", "nodding", 0.5), ("changed", "nodding", 2)]
    picture(live_05, "timeline")


def test_jupyterlab_in_the_dark(simulated_run, live_05):
    page = Page(live_05)
    page.click_cell(*wrong_cell(simulated_run)[:2])
    command(live_05, "apputils:change-theme", theme="JupyterLab Dark")
    until(lambda: page.run("return root.host.classList.contains('dark')"), 30)
    colour = "return getComputedStyle(root.host).backgroundColor"
    until(lambda: max(map(int, re.findall(r"\d+", page.run(colour))[:3])) < 60)
    until(lambda: not live_05.find_elements("id", "jupyterlab-splash"), 30)
    live_05.execute_script("document.querySelector('.mbnb').scrollIntoView()")
    until(lambda: page.coloured() > 100)
    picture(live_05, "explorer_dark")
    command(live_05, "apputils:change-theme", theme="JupyterLab Light")
    until(lambda: not page.run("return root.host.classList.contains('dark')"), 30)


def test_an_executed_notebook_shows_its_explorer_and_an_untrusted_one_a_picture(simulated_run, lab):
    path = simulated_run / "notebooks" / NOTEBOOKS[4].name
    browser = lab(path)
    until(lambda: browser.find_elements("css selector", ".jp-OutputArea"), 30)
    until(lambda: browser.find_elements("css selector", ".mbnb"), 30)
    broken = """return [...document.querySelectorAll('.jupyter-widgets-disconnected')].filter(
        node => getComputedStyle(node, '::before').content !== 'none').length"""
    assert browser.execute_script(broken) == 0
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
    assert browser.execute_script("""
        return [...document.images].some(
            image => image.src.startsWith('data:image/png') && image.naturalWidth > 100)""")


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS])
def test_every_executed_notebook_reads_on_a_laptop_screen(simulated_run, lab, name):
    browser = lab(simulated_run / "notebooks" / f"{name}.ipynb")
    tall = browser.execute_script("""
        const cells = [...document.querySelectorAll('.jp-Notebook .jp-Cell')]
        const [first, last] = [cells[0], cells.at(-1)].map(cell => cell.getBoundingClientRect())
        return last.bottom - first.top""")
    browser.set_window_size(1366, min(tall + 400, 16_000))
    loading = """
        return [...document.images].some(image => !image.complete)
            || document.body.innerText.includes('Loading widget')"""
    until(lambda: not browser.execute_script(loading), 30)
    picture(browser, name)
    wide = browser.execute_script("""
        const shown = '.jp-OutputArea-output img, .jp-OutputArea-output .mbnb'
        return [...document.querySelectorAll(shown)].filter(
            node => node.getBoundingClientRect().right > innerWidth).length""")
    assert wide == 0, "something is cut off to the right"


def test_the_report_explores_without_a_network(simulated_run, browser):
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    try:
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
        picture(browser, "report")
    finally:
        browser.get("about:blank")
        browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )
