"""Other people's faults, where they are next to this checkout: each is handled as expected."""

from __future__ import annotations

import pytest

from .cases import EXPECTED, seen
from .support import ROOT

CASES = ROOT.parent / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not next to this checkout")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case_is_handled_as_expected(name: str) -> None:
    good, what = seen(CASES / name, EXPECTED[name])
    assert good, what


def test_each_case_has_an_expectation() -> None:
    assert {path.name for path in CASES.iterdir() if path.is_dir()} == set(EXPECTED)
