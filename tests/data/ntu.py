"""A small made-up file of 2D keypoints as pyskl has NTU RGB+D's, and the settings for it.

The settings are facts of the original's own files MB_ft_NTU60_xsub.yaml and the like.
"""

import pickle
from pathlib import Path

import numpy as np
from data.originals import FULL_SIZE

PEOPLE, SETUPS = (1, 2, 8), {True: 1, False: 18}
NTU60 = dict(
    finetune=True,
    partial_train=None,
    epochs=300,
    batch_size=32,
    lr_backbone=1e-4,
    lr_head=1e-3,
    weight_decay=0.01,
    lr_decay=0.99,
    model_version="class",
    **FULL_SIZE,
    hidden_dim=2048,
    dropout_ratio=0.5,
    dataset="ntu60_hrnet",
    data_split="xsub",
    action_classes=60,
    clip_len=243,
    random_move=True,
    scale_range_train=[1, 3],
    scale_range_test=[2, 2],
)
OTHER = ("dataset", "data_split", "action_classes")
ONE_SHOT = {key: value for key, value in NTU60.items() if key not in OTHER} | dict(
    epochs=50, model_version="embed", dropout_ratio=0.1, clip_len=100, n_views=2, temp=0.1
)
SCRATCH = dict(finetune=False, lr_head=1e-4)
FILES = {
    "MB_ft_NTU60_xsub": NTU60,
    "MB_ft_NTU60_xview": NTU60 | dict(data_split="xview"),
    "MB_train_NTU60_xsub": NTU60 | SCRATCH,
    "MB_train_NTU60_xview": NTU60 | SCRATCH | dict(data_split="xview"),
    "MB_ft_NTU120_oneshot": ONE_SHOT,
    "MB_train_NTU120_oneshot": ONE_SHOT | dict(finetune=False),
}


def name_of(label: int, person: int, camera: int = 3, repetition: int = 1) -> str:
    """What NTU RGB+D calls a clip of the class `label`."""
    setup = SETUPS[label < 60]
    return f"S{setup:03}C{camera:03}P{person:03}R{repetition:03}A{label + 1:03}"


def annotation(name: str, label: int, seed: int = 0, people: int = 1) -> dict:
    """A clip in which joint `label` of the first person goes to and fro."""
    draw, frames = np.random.default_rng(seed), 12 + seed % 5
    places = draw.normal(0, 60, (people, 1, 17, 2)) + [[[[900, 500]]]]
    keypoint = places + draw.normal(0, 1, (people, frames, 17, 2))
    keypoint[0, :, label % 17, label % 2] += 150 * np.sin(np.arange(frames))
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (1080, 1920),
        "original_shape": (1080, 1920),
        "total_frames": frames,
        "keypoint": keypoint.astype(np.float16),
        "keypoint_score": draw.uniform(0.5, 1, (people, frames, 17)).astype(np.float16),
    }


def write_ntu(path: Path, classes: int = 4) -> Path:
    """Three people who show each class twice before two cameras; some clips have two people."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clips = [
        annotation(
            name_of(label, person, camera, repetition), label, seed=i, people=1 + (i % 5 == 0)
        )
        for i, (label, person, camera, repetition) in enumerate(
            (label, person, camera, repetition)
            for label in range(classes)
            for person in PEOPLE
            for camera in (1, 3)
            for repetition in (1, 2)
        )
    ]
    names = [one["frame_dir"] for one in clips]
    split = {
        "xsub_train": [name for name in names if "P008" not in name],
        "xsub_val": [name for name in names if "P008" in name],
        "xview_train": [name for name in names if "C001" not in name],
        "xview_val": [name for name in names if "C001" in name],
    }
    path.write_bytes(pickle.dumps({"split": split, "annotations": clips}))
    return path
