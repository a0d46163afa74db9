"""What several tests need: the recordings and golden numbers beside the checkout, where they are."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, a process a core

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden numbers and recordings; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no {SHARED.name}/ beside the checkout: golden numbers and recordings are not distributed")
    return SHARED
