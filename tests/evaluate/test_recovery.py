"""What a pretrained encoder makes of spoilt windows of people held out."""

import dataclasses

import numpy as np
import pytest
from build import H36M, config, data_folder, splits

from mbnb.data.motion import load_motion
from mbnb.evaluate import recovery
from mbnb.files import InputError
from mbnb.train.pretrain import pretrain


@pytest.mark.parametrize("recipe", ["default", "parity"])
def test_windows_are_spoilt_and_made_good_in_the_same_way_every_time(tmp_path, recipe):
    folder = str(data_folder(tmp_path / "data", splits()))
    given = dict(motion=[folder], outputs=tmp_path, run="enc", batch_size=8, recipe=recipe)
    settings = config(clip_len=16, **given)
    data = load_motion(settings)
    pretrain(settings, data)
    first, again = (recovery.recover(settings, data) for _ in range(2))
    assert set(first.windows["subject"]) == {"g", "h"}
    np.testing.assert_array_equal(first.joints, again.joints)
    np.testing.assert_allclose(first.joints.mean(1), first.windows["error"], rtol=1e-5)
    hidden = np.isnan(np.concatenate(first.spoilt))
    assert 0.01 < hidden.mean() < 0.4
    # People are as tall as they are, whatever the network's unit.
    assert 1.2 < np.ptp(np.concatenate(first.true)[..., 1], axis=1).mean() < 1.9
    for i in recovery.examples(first, 1):
        flat = first.windows["seen"][i] == "flat"
        assert flat == (np.nan_to_num(first.spoilt[i])[..., 2] == 0).all()
        error = 1000 * np.linalg.norm(first.recovered[i] - first.true[i], axis=-1).mean()
        assert error == pytest.approx(first.windows["error"][i], rel=1e-4)
    by_joint = recovery.errors_by_joint(first, H36M.joints)
    assert by_joint.shape[0] == 17 and "flat" in by_joint
    alone = dataclasses.replace(data, splits={"train": data.splits["train"]})
    with pytest.raises(InputError, match="nobody is held out"):
        recovery.recover(settings, alone)
