"""What enters a cache key."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from compactor.base.settings import Settings, setting


class Inner(Settings):
    rate: float = setting(0.1, "rate", gt=0)


class Outer(Settings):
    name: str = setting(doc="needed")
    layers: list[int] = setting([1, 2], "layers")
    inner: Inner = setting(Inner(), "inner settings")
    workers: int = setting(1, "cannot change the result", free=True)


class Grown(Outer):
    """As Outer, after somebody added a setting whose default does what was done before."""

    smoothing: float = setting(0.0, "new")


def test_defaults_and_free_settings_stay_out():
    assert Outer(name="a", workers=8).key() == {"name": "a"}
    assert Outer(name="a", layers=[1, 2], inner={"rate": 0.1}).key() == {"name": "a"}


def test_what_differs_from_the_default_is_in():
    assert Outer(name="a", layers=[3], inner={"rate": 0.2}).key() == {"name": "a", "layers": [3], "inner": {"rate": 0.2}}


def test_a_new_setting_leaves_old_keys_valid():
    assert Grown(name="a").key() == Outer(name="a").key()
    assert Grown(name="a", smoothing=0.1).key() != Outer(name="a").key()


def test_unknown_names_and_changes_are_refused():
    with pytest.raises(ValidationError):
        Outer(name="a", wrokers=2)
    with pytest.raises(ValidationError):
        Outer(name="a").name = "b"


def test_a_default_list_is_not_shared():
    first = Outer(name="a")
    first.layers.append(9)
    assert Outer(name="b").layers == [1, 2]
