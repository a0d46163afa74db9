"""The original's own configuration files: what their keys are called here, or why they do nothing.

Those of actions, pretraining, lifting 2D poses to 3D and of meshes are taken as they stand.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mbnb import settings
from mbnb.files import ROOT

# Keys that mbnb has no setting for: the values that it stands for anyway, none where that is all of
# them, and why the key has no effect here.
FOREIGN: dict[str, tuple[tuple, str]] = {
    "finetune": ((False, True), "the setting init_from names weights to start from"),
    "partial_train": ((None,), "all weights are trained but those that the setting freeze names"),
    "model_version": (("class", "embed"), "the setting head says it; embed is taken over"),
    "num_joints": ((17,), "the setting skeleton says which joints there are"),
    "dataset": ((), "the files in data_root say it; data_split counts for NTU RGB+D's alone"),
    "normalize": ((True,), "parity always does it"),
    "scale_range_test": (([2, 2],), "in parity it is always that"),
    "preprocess_3d": ((True,), "clips are always prepared"),
    "skip_2d_lifting": ((True,), "clips are 3D already"),
}
# The same of the files for pretraining and lifting alone.
LIFTING: dict[str, tuple[tuple, str]] = {
    "dropout": ((0, 0.0), "the network has none"),
    "data_stride": ((81, 8), "in parity windows always lie so far apart"),
    "sample_stride": ((1,), "every frame is taken"),
    "no_conf": ((False,), "the network always sees a confidence"),
    "no_eval": ((False, True), "people held out are scored after every epoch"),
    "checkpoint_frequency": ((), "checkpoints are written after every epoch"),
    "noise_path": ((), "the detector's errors are a table of mbnb"),
    "d2c_params_path": ((), "the detector's errors are a table of mbnb"),
    "lambda_3d_velocity": ((20, 20.0), "losses have the original's weights"),
    "lambda_scale": ((0.5, 0, 0.0), "losses have the original's weights"),
    "lambda_lv": ((0, 0.0), "losses have the original's weights"),
    "lambda_lg": ((0, 0.0), "losses have the original's weights"),
    "lambda_a": ((0, 0.0), "losses have the original's weights"),
    "lambda_av": ((0, 0.0), "losses have the original's weights"),
}
# The same of the files for meshes alone.
WEIGHED = "losses have the original's weights"
MESHES: dict[str, tuple[tuple, str]] = {
    "dropout_loc": ((1,), "it is where the original has it"),
    "loss_type": (("L1",), WEIGHED),
    "lambda_3d": ((0.5,), WEIGHED),
    "lambda_3dv": ((10, 10.0), WEIGHED),
    "lambda_pose": ((1000, 1000.0), WEIGHED),
    "lambda_shape": ((1, 1.0), WEIGHED),
    "lambda_norm": ((20, 20.0), WEIGHED),
    "batch_size_img": ((512,), "single pictures come in batches of that size"),
    "train_pw3d": ((False, True), "the setting motion names the files"),
    "warmup_h36m": ((), "all files are learned from in every epoch"),
    "warmup_coco": ((), "all files are learned from in every epoch"),
}
IDLE = FOREIGN | LIFTING | MESHES
# Keys that are taken over under another name, and where they go.
RENAMED: dict[str, str] = {
    "learning_rate": "lr_backbone",
    "subset_list": "motion",
    "dt_file": "motion",
    "train_2d": "motion",
}
# Keys by which a file for pretraining or lifting is told, and one for meshes.
OF_LIFTING = ("subset_list", "dt_file", "train_2d", "no_conf", "lambda_3d_velocity")
OF_MESHES = ("train_pw3d", "dt_file_h36m", "dt_file_coco", "dt_file_pw3d", "lambda_pose")
# Where the original's own code looks for the clips that the key `dataset` names.
ACTIONS = "data/action/{}.pkl"
ONE_SHOT = dict(dataset="ntu120_hrnet", unseen_classes=6, head="embed")
MESH_DATA, SMPL = "data/mesh", "data/mesh/SMPL_NEUTRAL.pkl"
CLIPS_3D, PICKLE = "data/motion3d/MB3D_f243s81", "h36m_sh_conf_cam_source_final.pkl"


def for_lifting(given: Mapping[str, Any]) -> bool:
    """Whether settings come from a file for pretraining or lifting, for `mbnb pretrain`."""
    return any(name in given for name in OF_LIFTING)


def for_meshes(given: Mapping[str, Any]) -> bool:
    """Whether settings come from a file for meshes, for `mbnb mesh-train`."""
    return any(name in given for name in OF_MESHES)


def _of_meshes(given: dict[str, Any]) -> dict[str, Any]:
    """The files with SMPL's poses that are meant, 3DPW's where `train_pw3d` says so."""
    rest = {name: value for name, value in given.items() if not name.startswith("dt_file_")}
    folder = Path(str(rest.pop("data_root", None) or MESH_DATA))
    asked = ["h36m", "coco"] + ["pw3d"] * (str(given.get("train_pw3d")).lower() == "true")
    files = [folder / str(given[f"dt_file_{one}"]) for one in asked if given.get(f"dt_file_{one}")]
    if files and not rest.get("motion"):
        rest["motion"] = [str(path.resolve() if path.exists() else path) for path in files]
    if "dropout" in rest:
        rest.setdefault("dropout_ratio", rest.pop("dropout"))
    rest.setdefault("recipe", "parity")
    rest.setdefault("body", SMPL)
    return rest


def taken_over(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of such a file under the names that they have here; others as they are.

    What else is given under those names wins. `data_root`, `subset_list` and `dt_file` become
    `motion`, and so do the 2D data that `train_2d` asks for, which the original always has in
    data/motion2d. Of Human3.6M the pickle is taken where it is there, and the clips made of it
    where they alone are. Paths start at the current folder where they are there, else at the
    checkout.
    """
    if for_meshes(given):
        return _of_meshes(given)
    if not for_lifting(given):
        return _of_actions(given)
    rest = {name: value for name, value in given.items() if name not in RENAMED}
    if given.get("learning_rate") is not None:
        rest.setdefault("lr_backbone", given["learning_rate"])
    if isinstance(noise := given.get("noise"), bool):
        rest |= {"noise": None if noise else 0.0}
    folder = Path(str(rest.pop("data_root", None) or CLIPS_3D))
    pickle = folder.parent / str(given.get("dt_file") or PICKLE)
    subsets = given.get("subset_list") or []
    sources = [folder / str(name) for name in subsets]
    if "H36M-SH" in subsets and (_exists(pickle) or not _exists(folder / "H36M-SH")):
        sources[subsets.index("H36M-SH")] = pickle
    if str(given.get("train_2d")).lower() == "true":
        flat = folder.parent.parent / "motion2d"
        sources += [flat / "posetrack18_annotations" / "train", flat]
    if sources and not rest.get("motion"):
        rest["motion"] = [str(path.resolve() if _is_there(path) else path) for path in sources]
    rest.setdefault("recipe", "parity")
    return {name: value for name, value in rest.items() if value is not None or name in FOREIGN}


def _of_actions(given: dict[str, Any]) -> dict[str, Any]:
    """The same of the files for actions: NTU RGB+D's clips, and which head is meant."""
    one_shot = ONE_SHOT if given.get("model_version") == "embed" else {}
    dataset = str({**one_shot, **given}.get("dataset", ""))
    path = Path(ACTIONS.format(dataset))
    place = {"data_root": str(path.resolve() if path.exists() else path)}
    others = {name: value for name, value in one_shot.items() if name != "dataset"}
    if not dataset.startswith("ntu"):
        place = {}
        given = {k: v for k, v in given.items() if k != "data_split" or "dataset" not in given}
    return place | others | given


def _exists(path: Path) -> bool:
    """Whether there is such a path, from the current folder or from the checkout."""
    return _is_there(path) or _is_there(ROOT / path)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False


def foreign_faults(foreign: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Say why keys of the original have no effect; faults are values that have no counterpart."""
    faults, idle = [], {}
    for name, value in foreign.items():
        same, why = IDLE[name]
        alike = str(value).lower() in [str(one).lower() for one in same]  # "False" is False
        if same and value not in same and not alike:
            expected = " or ".join(map(repr, same))
            faults.append(f"setting {name!r}: expected {expected}, found {value!r}; {why}")
        else:
            idle.setdefault(why, []).append(name)
    if idle:
        told = "; ".join(f"{' and '.join(names)} ({why})" for why, names in idle.items())
        settings.say_once(f"of the original's settings these have no effect here: {told}")
    if foreign.get("finetune") and values.get("init_from", "auto") in ("", "auto"):
        settings.say_once(
            "finetune: true, but no init_from: a training will start from nothing unless "
            "init_from names weights"
        )
    return faults
