"""How good a converted clip is: what was measured, what is to be said of it, why it is refused."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from mbnb.clips import UNLABELLED, pack
from mbnb.data.quality import measure, score, visibility
from mbnb.formats.anatomy import stance_of
from mbnb.formats.mediapipe33 import LEFT_WRIST, RIGHT_WRIST
from mbnb.skeleton import load_skeleton
from mbnb.video.frames import FPS, LONGEST_PAUSE
from mbnb.video.landmarks import LONGEST_GAP, Landmarks, gaps, to_places

LONGEST_MOVEMENT = 5.0  # seconds; the clips of MA-52 that its authors publish last 1.5 to 2.5
LONGEST_STILL = 1.0  # seconds without any movement that are nothing to speak of

# Without three of them nobody knows where the body is.
TRUNK_AND_HEAD = (
    *("Pelvis", "L_Hip", "R_Hip", "Neck"),
    *("L_Shoulder", "R_Shoulder", "Head", "Head_top"),
)


def quality(
    landmarks: Landmarks, pose: np.ndarray, facts: Mapping[str, Any] | None = None
) -> dict[str, float]:
    """How good the landmarks of one clip are, and (T, 17, 3) joints, before any gap is filled.

    What `data.quality.measure` says of the joints; detected and longest_gap count frames with a
    person; wrist_visibility: mean, 0 to 1, and so is visibility_<joint>, 0 outside the picture.
    facts: what `extract` stored of the video, by name: of it decoded, declared (frames), source_fps
    and fps. score: from 0 to 1, of all of that. NaN where too few frames hold a person.
    """
    skeleton, facts = load_skeleton(), facts or {}
    detected = ~np.isnan(landmarks.world).any((1, 2))  # (T,)
    wrists = landmarks.visibility[detected][:, [LEFT_WRIST, RIGHT_WRIST]]
    # The mean of nothing is the NaN that is wanted.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        seen = {"detected": float(detected.mean()), "wrist_visibility": float(wrists.mean())}
    longest = max((end - first for first, end in gaps(landmarks.world)), default=0)
    measured = measure(pose, skeleton, float(facts.get("fps", FPS)))
    measured |= seen | {"longest_gap": longest}
    if facts:
        rate = float(facts["source_fps"])
        declared = round(float(facts.get("declared", 0)) * rate)
        measured |= {"decoded": int(facts["decoded"]), "declared": declared, "source_fps": rate}
        belief = to_places(landmarks, tuple(facts["size"].tolist()))[detected, :, 2]  # (T', 17)
        if len(belief):
            measured |= visibility(skeleton, belief.mean(0))
    return {"score": score(measured), **measured}


def refusal(facts: dict[str, Any], measured: dict[str, float], hidden: np.ndarray) -> str:
    """Why a clip cannot be used, '' where it can.

    facts: what `extract` stored of the video, by name. measured: its `quality`. hidden: (T, 17)
    bool, joints outside the picture.
    """
    pauses = facts["pauses"].tolist()
    if pauses and measured["source_fps"] < 1 / LONGEST_PAUSE:
        rate = measured["source_fps"]
        return f"{rate:.2f} frames a second are too few to see a movement, as in a time lapse"
    if pauses:
        last, following = pauses[0]
        more = f", and {len(pauses) - 1} more" if len(pauses) > 1 else ""
        if following > last:
            return (
                f"a pause of {following - last:.2f} s in the recording, from {last:.2f} to "
                f"{following:.2f} s{more}; at most {LONGEST_PAUSE:.2f} s are bridged: cut it there"
            )
        return (
            f"time stamps go back from {last:.2f} to {following:.2f} s{more}, as where recordings "
            f"are joined: cut it there"
        )
    if len(facts["world"]) < 2:
        return "expected at least 2 frames, found " + ("one" if len(facts["world"]) else "none")
    if not measured["detected"]:
        return "no person found"
    if measured["longest_gap"] > LONGEST_GAP:
        gap = measured["longest_gap"]
        return f"no person in {gap} frames on end, at most {LONGEST_GAP} are interpolated"
    if hidden[:, load_skeleton().index(*TRUNK_AND_HEAD)].all(0).sum() > len(TRUNK_AND_HEAD) - 3:
        return "neither trunk nor head and shoulders are in the picture"
    return ""


def remarks(facts: dict[str, Any], hidden: np.ndarray, pose: np.ndarray) -> str:
    """What is to be known of a clip before it is believed, '' where there is nothing.

    facts, hidden: as for `refusal`. pose: (T, 17, 3), NaN where nothing is seen.
    """
    said, fps, frames = [], facts["fps"].item(), len(hidden)
    others = facts["others"]
    # One may be an error of the model.
    if others.sum() > 1:
        said.append(
            f"a second person is in {others.sum()} of {len(others)} frames that were searched"
        )
    seconds = frames / fps
    if seconds > LONGEST_MOVEMENT:
        said.append(
            f"{seconds:.1f} s are long for one movement (MA-52's clips have some 2 s): "
            "cut it where each movement begins and ends"
        )
    outside = np.array(load_skeleton().joints)[hidden.sum(0) > frames / 2].tolist()
    if outside:
        what = "only head and shoulders are seen; " if {"R_Hip", "L_Hip"} <= {*outside} else ""
        said.append(f"{what}outside the picture: {', '.join(outside)}")
    clip = pack([pose], ["clip"], [UNLABELLED], ["person"])
    if frames and stance_of(clip, load_skeleton()).upside_down.any():
        said.append("upside down: the camera was, or what was found is nobody; look at the video")
    first, end = facts["still"].tolist()
    if end - first == frames > 1:
        said.append("nothing moves: it is a still picture")
    elif (end - first) / fps > LONGEST_STILL:
        said.append(f"nothing moves from {first / fps:.1f} to {end / fps:.1f} s")
    said += [f"one frame left out, {alone:.1f} s from the others" for alone in facts["alone"]]
    if facts["streams"] > 1:
        said.append(f"of {facts['streams']} videos in the file the first is taken")
    return "; ".join(said)
