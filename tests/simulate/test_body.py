"""The body of a simulated person keeps its bones, and moves as people can."""

import numpy as np
from build import H36M
from simulate.measures import CODES, bodies


def test_bones_keep_their_length_and_fit_an_adult():
    for code in CODES:
        for body in bodies(code):
            pairs = [(H36M.joints[parent], H36M.joints[child]) for parent, child in H36M.bones]
            length = {child: body.distance(parent, child) for parent, child in pairs}
            assert max(np.ptp(series) for series in length.values()) < 1e-3, code
            assert 35 < length["R_Knee"][0] < 51 and 35 < length["R_Ankle"][0] < 51
            assert 26 < length["L_Elbow"][0] < 39 and 20 < length["L_Wrist"][0] < 31


def test_feet_stay_above_the_floor_and_hands_out_of_the_body():
    for code in CODES:
        for body in bodies(code):
            ankles = np.concatenate([body("L_Ankle"), body("R_Ankle")])[:, 1]
            assert ankles.max() < max(body("L_Ankle")[0, 1], body("R_Ankle")[0, 1]) + 3, code
            distances = [
                body.distance(wrist, spot).min()
                for wrist in ("L_Wrist", "R_Wrist")
                for spot in ("Spine1", "Neck")
            ]
            assert min(distances) > 5, code


def test_elbows_and_knees_bend_the_way_they_can():
    for code in CODES:
        for body in bodies(code):
            for side in "LR":
                hip = body(f"{side}_Hip")
                thigh, leg = body(f"{side}_Knee") - hip, body(f"{side}_Ankle") - hip
                share = (thigh * leg).sum(1) / (leg**2).sum(1)  # (T,)
                out = thigh - leg * share[:, None]  # (T, 3)
                assert (out[:, 1] + out[:, 2] < 1).all(), (code, "a knee bends up and forward")
