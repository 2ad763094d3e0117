"""Names of packages that import nothing until they are used."""

from __future__ import annotations

import pytest

import trade_research as tr


@pytest.mark.parametrize("package", [tr, tr.strategies, tr.indicators])
def test_a_wrong_name_says_where_it_was_looked_for(package):
    with pytest.raises(AttributeError, match="has no attribute 'smaa'") as raised:
        _ = package.smaa
    assert (raised.value.name, raised.value.obj) == ("smaa", package)  # Python says: did you mean


def test_every_public_name_is_there():
    for package in (tr, tr.strategies, tr.indicators, tr.portfolio):
        for name in package.__all__:
            assert getattr(package, name) is getattr(package, name), name
