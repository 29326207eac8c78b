"""The tiny classifier, loaded as an app loads it."""

from __future__ import annotations

import pytest

from compactor import runtime
from tests.bundle.conftest import built, sources

__all__ = ["built", "sources"]


@pytest.fixture(scope="session")
def model(built):
    """The fp32 bundle; answers do not depend on padding."""
    return runtime.load(built["fp32"])


@pytest.fixture(scope="session")
def quantized(built):
    """The dynamically quantized bundle; answers depend on padding and batch mates."""
    return runtime.load(built["int8"])


@pytest.fixture(scope="session")
def pair_model(built):
    """A bundle that compares two sentences."""
    return runtime.load(built["pair"])
