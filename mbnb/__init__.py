"""mbnb: a workbook for recognising micro-actions from 3D skeletons with DSTformer.

DSTformer is the transformer of MotionBERT (ICCV 2023).
"""

import os

import psutil

__all__ = ["load"]
__version__ = "0.1.0"

# Threads that share an operation wait for each other spinning, which wins a tenth where nothing
# else runs; beside a busy program the one that waits takes the processor from the one that works,
# and everything is ten times slower. Torch reads this when it is imported.
if psutil.cpu_percent(0.1) > 25:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load(name, file=None, **settings):
    """A network by name ("encoder", "motionbert-lite", …) or from a file, to use from Python.

    See `mbnb.model.zoo.load`, and mbnb/ZOO.md for the names, and for what loads into what.
    """
    from mbnb.model import zoo

    return zoo.load(name, file, **settings)
