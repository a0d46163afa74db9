"""Small made-up files as MotionBERT and VideoPose3D have them, and the settings that go with them.

They lie as in the original's folder `data`: motion3d and motion2d.
"""

import json
import pickle
from pathlib import Path

import numpy as np
import yaml
from build import person

METRES = 0.298
SMALL = dict(dim_feat=8, dim_rep=8, depth=1, num_heads=2, clip_len=12, epochs=2, batch_size=4)
# What stands in all of the original's files of networks of full size.
FULL_SIZE = dict(
    maxlen=243,
    dim_feat=512,
    mlp_ratio=2,
    depth=5,
    dim_rep=512,
    num_heads=8,
    att_fuse=True,
    num_joints=17,
)
# What stands in the original's files for pretraining and lifting; those of lifting differ below.
PRETRAIN = dict(
    finetune=False,
    partial_train=None,
    epochs=90,
    checkpoint_frequency=30,
    batch_size=64,
    dropout=0.0,
    learning_rate=5e-4,
    weight_decay=0.01,
    lr_decay=0.99,
    **FULL_SIZE,
    data_root="data/motion3d/MB3D_f243s81/",
    subset_list=["AMASS", "H36M-SH"],
    dt_file="h36m_sh_conf_cam_source_final.pkl",
    clip_len=243,
    data_stride=81,
    sample_stride=1,
    rootrel=True,
    gt_2d=False,
    no_conf=False,
    flip=True,
    no_eval=False,
    synthetic=True,
    noise=True,
    mask_ratio=0.05,
    mask_T_ratio=0.1,
    noise_path="params/synthetic_noise.pth",
    d2c_params_path="params/d2c_params.pkl",
    train_2d=True,
    pretrain_3d_curriculum=30,
    lambda_3d_velocity=20.0,
    lambda_scale=0.5,
    lambda_lv=0.0,
    lambda_lg=0.0,
    lambda_a=0.0,
    lambda_av=0.0,
)
LITE = PRETRAIN | dict(dim_feat=256, mlp_ratio=4)
ONLY_PRETRAIN = ("noise_path", "d2c_params_path", "pretrain_3d_curriculum")
TRAIN_H36M = {name: value for name, value in PRETRAIN.items() if name not in ONLY_PRETRAIN} | dict(
    epochs=120,
    batch_size=32,
    learning_rate=2e-4,
    subset_list=["H36M-SH"],
    synthetic=False,
    noise=False,
    mask_ratio=0,
    mask_T_ratio=0,
    train_2d=False,
)
FINETUNE = TRAIN_H36M | dict(finetune=True, epochs=60)
GLOBAL = FINETUNE | dict(rootrel=False)
FILES = {
    "MB_pretrain": PRETRAIN,
    "MB_lite": LITE,
    "MB_train_h36m": TRAIN_H36M,
    "MB_ft_h36m": FINETUNE,
    "MB_ft_h36m_global": GLOBAL,
    "MB_ft_h36m_global_lite": GLOBAL | dict(dim_feat=256, mlp_ratio=4, learning_rate=5e-4),
}


def picture(seed: int, frames: int) -> np.ndarray:
    """(T, 17, 3) of somebody in a picture, in half widths of it, the root without depth."""
    pose = METRES * person(seed, frames).astype(np.float64)
    pose[..., 2] -= pose[:, :1, 2]
    return pose


def h36m_part(subjects: list[int], frames: int, is_test: bool) -> dict:
    """A part of the pickle of Human3.6M: a recording of each subject."""
    poses = np.concatenate([picture(subject, frames) for subject in subjects])
    pixels = (poses + [1, 1, 0]) * 500
    joints = pixels[..., :2] + np.random.default_rng(0).normal(0, 3, pixels[..., :2].shape)
    names = [f"s_{subject:02}_act_02_subact_01_ca_01" for subject in subjects]
    part = {
        "joint_2d": joints.astype(np.float32),
        "confidence": np.full((*joints.shape[:2], 1), 0.8, np.float32),
        "joint3d_image": pixels.astype(np.float32),
        "camera_name": np.repeat("55011271", len(poses)),
        "source": np.repeat(names, frames),
    }
    if is_test:
        factor = np.full(len(poses), 4.0)
        part |= {
            "2.5d_factor": factor,
            "joints_2.5d_image": pixels * factor[:, None, None],
            "action": np.repeat("Directions", len(poses)),
        }
    return part


def write_h36m(path: Path, frames: int = 30) -> Path:
    """The pickle of Human3.6M."""
    path.parent.mkdir(parents=True, exist_ok=True)
    train, test = h36m_part([1, 5, 6], frames, False), h36m_part([9, 11], frames, True)
    path.write_bytes(pickle.dumps({"train": train, "test": test}))
    return path


def write_clips(folder: Path, clips: int, frames: int, detected: bool = False) -> Path:
    """A folder of clips, a pickle each, as AMASS is cut."""
    folder.mkdir(parents=True)
    for number in range(clips):
        label = picture(number, frames).astype(np.float32)
        seen = np.concatenate([label[..., :2], np.ones_like(label[..., :1])], -1)
        content = {"data_input": seen if detected else None, "data_label": label}
        (folder / f"{number:08}.pkl").write_bytes(pickle.dumps(content))
    return folder.parent


def write_posetrack(folder: Path, people: int, frames: int = 32) -> Path:
    """An annotated video of PoseTrack18, its images not in order."""
    folder.mkdir(parents=True)
    annotations = []
    for number in range(people):
        points = 200 + 100 * person(number, frames)
        points[..., 2] = 1
        points[5:9, 9] = 0  # a wrist that is out of sight
        annotations += [
            {"image_id": 1000 + frame, "track_id": number, "keypoints": row.ravel().tolist()}
            for frame, row in enumerate(points)
        ]
    content = {"images": [], "annotations": annotations[::-1]}
    (folder / "000001_video.json").write_text(json.dumps(content))
    return folder


def write_instavariety(folder: Path, tracks: int, frames: int = 90) -> Path:
    """MotionBERT's two files of InstaVariety."""
    folder.mkdir(parents=True, exist_ok=True)
    motion = np.concatenate([person(number, frames) for number in range(tracks)])
    motion[..., 2] = np.random.default_rng(0).uniform(0.2, 1, motion.shape[:2])
    motion[:, [7, 10]] = 0
    motion[10:20, 0] = 0  # a lost root
    np.save(folder / "motion_all.npy", motion.astype(np.float64))
    np.save(folder / "id_all.npy", np.repeat(np.arange(tracks), frames))
    return folder


def write_all(data: Path) -> Path:
    """All that the original's files for pretraining and lifting ask for, below `data`."""
    write_h36m(data / "motion3d" / "h36m_sh_conf_cam_source_final.pkl")
    write_clips(data / "motion3d" / "MB3D_f243s81" / "AMASS" / "train", 5, 12)
    write_posetrack(data / "motion2d" / "posetrack18_annotations" / "train", 3)
    write_instavariety(data / "motion2d", 3)
    return data


def write_settings(path: Path, name: str, **changes) -> Path:
    """One of `FILES`, with `changes`."""
    path.mkdir(exist_ok=True)
    (path / f"{name}.yaml").write_text(yaml.safe_dump(FILES[name] | changes))
    return path / f"{name}.yaml"
