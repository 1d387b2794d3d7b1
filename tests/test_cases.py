"""Other people's faults, where they are next to this checkout: each is handled as expected."""

from __future__ import annotations

import pytest

from .cases import EXPECTED, seen
from .support import ROOT

CASES = ROOT.parent / "shared" / "cases"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_is_handled_as_expected(name: str) -> None:
    expected = EXPECTED[name]
    if expected.played_by:
        assert (ROOT / expected.played_by).is_file()
    elif CASES.is_dir():
        good, what = seen(CASES / name, expected)
        assert good, what
    else:
        pytest.skip("the cases are not next to this checkout")


def test_each_case_has_an_expectation() -> None:
    found = {path.name for path in CASES.iterdir() if path.is_dir()} if CASES.is_dir() else set(EXPECTED)
    assert found == set(EXPECTED)
