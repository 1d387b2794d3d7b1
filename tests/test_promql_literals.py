"""Strings and comments of a query that an author wrote: what they hold is not PromQL, and a string has an end."""

from __future__ import annotations

import pytest

from mlspec.compiler.promql import broken

CLOSED = (
    'sum(a{b="(["})',
    "sum(a{b='\\'('})",
    "sum(a{b=`\\`})",
    'sum(a{b="#"})',
    "sum(a) # (",
    'sum(a{b="$c"})',
    "# 'it\nsum(a)",
)


@pytest.mark.parametrize("query", CLOSED)
def test_what_a_string_or_a_comment_holds_is_not_read(query: str) -> None:
    assert broken(query) == ""


@pytest.mark.parametrize("query", ['sum(a{b="c})', "sum(a{b='c\n'})", "sum(a{b=`c})", 'sum(a{b="c\\"})', 'sum(a{b="'])
def test_a_string_without_an_end_is_found(query: str) -> None:
    assert broken(query) == "has a string without an end"


def test_a_variable_outside_of_a_string_is_found() -> None:
    assert broken("rate(a[$interval])") == "has a variable of a dashboard, which Prometheus does not know"
