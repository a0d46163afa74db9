"""mbnb starts its own processes, whatever a cluster or a parent left in the environment."""

import os
import subprocess
import sys

import pytest
from build import config

from mbnb.devices import connect, launched, leads, pick_device
from mbnb.files import ROOT, InputError

LEFT_BEHIND = {
    "sbatch --ntasks": dict(SLURM_NTASKS=4, SLURM_JOB_ID=7, SLURM_JOB_NAME="train", SLURM_PROCID=0),
    "salloc -n 8": dict(SLURM_NTASKS=8, SLURM_NPROCS=8, SLURM_JOB_NAME="salloc"),
    "a JupyterHub job": dict(SLURM_NTASKS=2, SLURM_STEP_NUM_TASKS=2, SLURM_PROCID=1),
    "srun of several tasks": dict(
        SLURM_NTASKS=2, SLURM_NTASKS_PER_NODE=2, SLURM_PROCID=1, SLURM_LOCALID=1, SLURM_NODEID=0
    ),
    "Open MPI": dict(OMPI_COMM_WORLD_SIZE=4, OMPI_COMM_WORLD_RANK=2, OMPI_COMM_WORLD_LOCAL_RANK=2),
    "MPICH": dict(PMI_SIZE=4, PMI_RANK=2, PMIX_RANK=2),
    "LSF": dict(LSB_JOBID=1, LSB_DJOB_RANKFILE="/nowhere", JSM_NAMESPACE_SIZE=4),
    "Kubernetes": dict(KUBERNETES_PORT="tcp://10.0.0.1:443", PET_NNODES=2, RANK=1, WORLD_SIZE=2),
    "a job script": dict(RANK=3, WORLD_SIZE=8, LOCAL_RANK=3, MASTER_ADDR="nowhere", MASTER_PORT=1),
    "a platform": dict(RANK=1, WORLD_SIZE=2, LOCAL_RANK=1, LOCAL_WORLD_SIZE=2, NODE_RANK=1),
}


@pytest.mark.parametrize("left", LEFT_BEHIND.values(), ids=LEFT_BEHIND)
def test_variables_of_a_cluster_do_not_matter(left, monkeypatch):
    for name, value in left.items():
        monkeypatch.setenv(name, str(value))
    assert not launched() and leads()
    fabric = connect(config())
    assert fabric.world_size == 1 and fabric.is_global_zero
    assert pick_device(config()).type == "cpu"


def test_torchrun_in_a_job_still_is_torchrun(tmp_path):
    job = {key: str(value) for left in LEFT_BEHIND.values() for key, value in left.items()}
    job.pop("PET_NNODES")
    script = tmp_path / "who.py"
    script.write_text(
        "import psutil\nfrom build import config\nfrom mbnb.devices import connect, free_memory\n"
        "fabric = connect(config())\n"
        "share = free_memory(fabric.device) / psutil.virtual_memory().available\n"
        "print(f'{fabric.global_rank} of {fabric.world_size}, {share:.1f} of the memory')\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [*command, "--nproc-per-node=2", script],
        env=os.environ | job | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")) == [
        "",
        "0 of 2, 0.5 of the memory",
        "1 of 2, 0.5 of the memory",
    ]


def test_a_hidden_gpu_is_named_and_not_a_riddle(monkeypatch):
    if pick_device(config(device="auto")).type == "cuda":
        pytest.skip("there is a GPU here")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "nonsense")
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES is 'nonsense'"):
        pick_device(config(device="cuda"))


@pytest.mark.parametrize("threads", [None, "0", "nonsense", "1000"])
def test_no_more_threads_than_processors_that_are_ours(threads):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system gives a process all processors")
    one = min(os.sched_getaffinity(0))
    script = (
        f"import os; os.sched_setaffinity(0, [{one}])\n"
        "import mbnb.devices, torch; print(torch.get_num_threads())"
    )
    given = {} if threads is None else {"OMP_NUM_THREADS": threads}
    rest = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=rest | given, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout == "1\n", done.stderr
