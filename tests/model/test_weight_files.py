"""A file of weights is read whoever wrote it; what is none is named, with what to do."""

import argparse
import gzip
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from run.headless import command_line
from safetensors.torch import save_file

from mbnb.config import Config
from mbnb.files import InputError
from mbnb.model.checkpoints import build_model, load_trained
from mbnb.model.weight_files import read_checkpoint

TINY = dict(dim_feat=8, dim_rep=4, depth=1, num_heads=2, hidden_dim=16, clip_len=8, patch=1)
LFS = """version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 64123456
"""


def model():
    return build_model(Config.of(TINY), classes=4, joints=17)


def torch_bytes(content, **how):
    buffer = io.BytesIO()
    torch.save(content, buffer, **how)
    return buffer.getvalue()


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


def tarred(content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        part = tarfile.TarInfo("best.pt")
        part.size = len(content)
        archive.addfile(part, io.BytesIO(content))
    return buffer.getvalue()


def arrays(**named):
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    return buffer.getvalue()


def script():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


WHOLE = torch_bytes({"model": {"joints_embed.weight": torch.ones(300, 3)}})
OLD = torch_bytes({"model": torch.ones(300, 3)}, _use_new_zipfile_serialization=False)
PAGE = (
    b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>"
)
NONE = {  # file -> what is in it, what is said of it, what to do
    "page.bin": (PAGE, "a web page (Google Drive - Virus scan warning)", "download the file"),
    "pointer.bin": (LFS.encode(), "a Git LFS pointer", "git lfs pull"),
    "empty.pt": (b"", "an empty file", "again"),
    "cut.pt": (WHOLE[:-700], "its end is missing after", "again"),
    "old_cut.pt": (OLD[:-700], "damaged or cut off after", "again"),
    "a.pt.gz": (gzip.compress(WHOLE), "a gzip archive", "unpack it"),
    "a.tar": (tarred(WHOLE), "a tar archive", "unpack it"),
    "a.zip": (zipped(best_dot_pt=WHOLE), "a zip archive that holds best.pt", "unpack it"),
    "a.npz": (arrays(w=np.ones(3)), "arrays of numpy (npz) called w.npy", "torch.save"),
    "a.npy": (b"\x93NUMPY\x01\x00v\x00{'descr'", "an array of numpy", "torch.save"),
    "a.onnx": (b"\x08\x07\x12\x07pytorch\x1a\x032.1", "an ONNX model", "torch.save"),
    "model.pth": (b"\x08\x08\x12\x07pytorch\x1a\x032.1", "an ONNX model", "torch.save"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file, as Keras", "torch.save"),
    "a.keras": (zipped(config="", model_dot_weights_dot_h5=""), "a Keras model", "torch.save"),
    "script.pt": (script(), "a TorchScript program", "state_dict()"),
    "weights.pkl": (pickle.dumps({"a": np.ones(3)}), "a pickle of Python objects", "torch.save"),
    "a.yaml": (b"epochs: 5\nseed: 1\n", "text that begins with 'epochs: 5'", "again"),
    "b.yaml": (b"streams:{joint}\n", "text that begins with 'streams:{joint}'", "again"),
    "denied.bin": (b'<?xml version="1.0"?><Error>', "text that begins with '<?xml", "again"),
    "._best.pt": (b"\x00\x05\x16\x07" + bytes(90), "a Mac's note beside a file", "without ._"),
    "a.tflite": (b"\x1c\0\0\0TFL3" + bytes(90), "a TensorFlow Lite model", "torch.save"),
    "noise.bin": (bytes([7, 200, 3, 250] * 40), "begins with 07 c8 03 fa", "again"),
    "cut.safetensors": (
        (32).to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[9]',
        "a safetensors file that is damaged",
        "again",
    ),
}


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("name", NONE)
def test_what_is_no_checkpoint_is_named_with_what_to_do(name, tmp_path):
    content, what, advice = NONE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_checkpoint(tmp_path / name)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / name}: not a checkpoint")
    assert what in line and advice in line.partition(";")[2]


def test_a_folder_is_named_with_the_weights_in_it(tmp_path):
    torch.save({}, tmp_path / "a.pt")
    (tmp_path / "checkpoints").mkdir()
    torch.save({}, tmp_path / "checkpoints" / "last.pt")
    (tmp_path / "data" / "test").mkdir(parents=True)
    done = command_line("predict", tmp_path, tmp_path / "data")
    assert done.exit_code == 2
    wanted = "but a folder; name one of its files: a.pt, checkpoints/last.pt"
    assert wanted in done.stderr and len(done.stderr.splitlines()) == 1
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "data.pkl").write_bytes(b"")
    with pytest.raises(InputError, match="the folder of an unpacked checkpoint"):
        read_checkpoint(tmp_path / "unpacked")


def test_safetensors_load_with_their_metadata(tmp_path):
    ours = model()
    table = {"codes": "abcd", "names": "abcd", "regions": "xxyy", "mirror": None}
    metadata = {
        "format": "pt",
        "epoch": "7",
        "classes": json.dumps({key: value and list(value) for key, value in table.items()}),
    }
    weights = {f"module.{key}": value for key, value in ours.state_dict().items()}
    save_file(weights, tmp_path / "a.bin", metadata)  # whatever it is called
    content = read_checkpoint(tmp_path / "a.bin")
    assert (content["epoch"], content["format"]) == (7, "pt")
    trained = load_trained(tmp_path / "a.bin", Config.of(TINY))
    assert (trained.epoch, trained.classes.codes) == (7, ("a", "b", "c", "d"))
    x = torch.randn(2, 1, 8, 17, Config.of(TINY).dim_in)
    torch.testing.assert_close(trained.model(x), ours.eval()(x), atol=0, rtol=0)


def test_settings_of_others_beside_their_weights_do_no_harm(tmp_path):
    content = {"state_dict": model().state_dict(), "args": argparse.Namespace(num_heads=2, lr=0.1)}
    torch.save(content, tmp_path / "theirs.ckpt")
    assert (
        read_checkpoint(tmp_path / "theirs.ckpt")["state_dict"].keys()
        == model().state_dict().keys()
    )
