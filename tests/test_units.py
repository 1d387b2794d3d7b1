"""Quantities: each format parses exactly, prints back in its shortest exact form, and fails without its unit."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from mlspec.schema.money import Budget, StoragePrice, TransferPrice, UnitPrice
from mlspec.schema.scalars import SCALARS
from mlspec.schema.units import (
    Cores,
    Count,
    Duration,
    Margin,
    Measure,
    Memory,
    Percent,
    Quantity,
    Rate,
    UnitError,
)


@pytest.mark.parametrize(
    ("kind", "text", "amount", "printed"),
    [
        (Duration, "50ms", "0.05", "50ms"),
        (Duration, "90s", "90", "90s"),
        (Duration, "1.5h", "5400", "90m"),
        (Duration, "2w", "1209600", "14d"),
        (Duration, "0s", "0", "0s"),
        (Rate, "120/m", "2", "2/s"),
        (Rate, "23/s", "23", "23/s"),
        (Percent, "99.9%", "0.999", "99.9%"),
        (Memory, "4Gi", str(4 * 2**30), "4Gi"),
        (Memory, "1024Mi", str(2**30), "1Gi"),
        (Memory, "9G", "9000000000", "9G"),
        (Cores, "0.5", "0.5", "500m"),
        (Cores, "4", "4", "4"),
        (Count, "120M", "120000000", "120M"),
        (Count, "20000", "20000", "20k"),
        (Budget, "4000 USD/month", "4000", "4000 USD/month"),
        (StoragePrice, "0.08 USD/GiB-month", "0.08", "0.08 USD/GiB-month"),
        (TransferPrice, "0.090 USD/GiB", "0.090", "0.09 USD/GiB"),
        (UnitPrice, "0.9 USD/1M predictions", "0.0000009", "0.9 USD/1M predictions"),
        (UnitPrice, "0.05 EUR/label", "0.05", "0.05 EUR/label"),
        (Margin, "-0.002", "-0.002", "-0.002"),
        (Margin, "5%", "0.05", "5%"),
        (Measure, "1.5%", "0.015", "1.5%"),
        (Measure, "50ms", "0.05", "50ms"),
        (Measure, "0.6", "0.6", "0.6"),
    ],
)
def test_reads_and_prints(kind: type[Quantity], text: str, amount: str, printed: str) -> None:
    read = kind.parse(text)
    assert read.amount == Decimal(amount)
    assert str(read) == printed
    assert kind.parse(printed) == read


def test_a_negative_difference_prints_in_the_unit_of_its_size() -> None:
    assert [str(Duration(Decimal(amount))) for amount in ("0.0077", "-0.0077", "-90")] == ["7.7ms", "-7.7ms", "-90s"]


@pytest.mark.parametrize(
    ("kind", "text", "help_"),
    [
        (Duration, "50", "write `50ms`, `50s`, `50m`, `50h`, or `50d`, whichever you mean"),
        (Memory, "4", "write `4Mi` or `4Gi`, whichever you mean"),
        (Percent, "99", "write `99%`"),
        (Duration, "50 ms", "write `50ms`"),
        (Duration, "45 days", "write `45d`"),
        (Duration, "soon", "write it like `50ms` or `24h`"),
        (Budget, "4000", "write it like `4000 USD/month`"),
        (UnitPrice, "1 USD/0 items", "write it like `0.9 USD/1M predictions` or `0.05 USD/label`"),
        (Count, "1.5", "write it like `20000` or `120M`"),
    ],
)
def test_says_what_to_write(kind: type[Quantity], text: str, help_: str) -> None:
    with pytest.raises(UnitError) as refused:
        kind.parse(text)
    assert refused.value.help == help_


def test_objectives_are_exact() -> None:
    """1 - 0.999 in binary arithmetic is 0.0010000000000000009, and one rival ships it in its rules."""
    assert 1 - Percent.parse("99.9%").amount == Decimal("0.001")


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("percent", ["0%", "99.9%", "100%", "150%"], ["5"]),
        ("share", ["0.000000001%", "1%", "99.5%", "100%", "100.0%"], ["0%", "0.00%", "00%", "100.1%", "150%"]),
        ("chance", ["0.1%", "10%", "99.999999999%"], ["0%", "0.0%", "100%", "100.0%"]),
    ],
)
def test_some_percentages_are_divided_by(name: str, taken: list[str], refused: list[str]) -> None:
    for text in taken:
        assert SCALARS[name].parse(text) == Percent.parse(text)
    for text in refused:
        with pytest.raises(UnitError):
            SCALARS[name].parse(text)


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("positive-duration", ["1us", "0.000000001w", "50ms", "1.5s", "100.0d"], ["0s", "0.0h", "00us", "5"]),
        ("bounded-duration", ["0s", "1us", "365d", "8760h"], ["366d", "8760.1h", "53w", "5"]),
        ("wait", ["0s", "0ms", "1ms", "1.5s", "0.001m", "0.125w"], ["1us", "1.5ms", "0.0005s", "5"]),
        ("interval", ["1ms", "1.5s", "0.001m", "30s"], ["0s", "0ms", "0.000h", "1000us", "1.5ms", "0.0005s"]),
    ],
)
def test_some_durations_are_divided_by_counted_in_milliseconds_or_waited_for(
    name: str, taken: list[str], refused: list[str]
) -> None:
    for text in taken:
        assert SCALARS[name].parse(text) == Duration.parse(text)
    for text in refused:
        with pytest.raises(UnitError):
            SCALARS[name].parse(text)


def test_some_counts_are_divided_by() -> None:
    for text in ("1", "0.1k", "8.03B"):
        assert SCALARS["positive-count"].parse(text) == Count.parse(text)
    for text in ("0", "00", "0k", "0.0B", "-1"):
        with pytest.raises(UnitError):
            SCALARS["positive-count"].parse(text)


@pytest.mark.parametrize("name", SCALARS)
def test_examples_are_spellings(name: str) -> None:
    scalar = SCALARS[name]
    for example in scalar.examples:
        if "…" not in example:
            scalar.parse(example)


@pytest.mark.parametrize("name", [name for name, scalar in SCALARS.items() if scalar.pattern])
def test_a_final_line_break_is_no_part_of_a_spelling(name: str) -> None:
    """Python's `$` matches before one, JSON Schema's does not."""
    with pytest.raises(UnitError):
        SCALARS[name].parse((SCALARS[name].examples or ("x",))[0] + "\n")


@pytest.mark.parametrize("text", ["1us", "50ms", "10m", "960s", "0.5h", "1800s", "4h", "14400s"])
def test_trap_a_long_generation_is_a_bound_that_callers_wait_for(text: str) -> None:
    assert SCALARS["latency"].parse(text) == Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "error", "help_"),
    [
        ("100m", "is probably meant in milliseconds", "write `100ms`, or `6000s` for minutes"),
        ("12.5m", "is probably meant in milliseconds", "write `12.5ms`, or `750s` for minutes"),
        ("300m", "is probably meant in milliseconds", "write `300ms`, or at most `4h` for minutes"),
        ("12 min", "is not a duration", "write `720s`"),
        ("5h", "is longer than a caller waits for an answer", "write at most `4h`"),
        ("5 hours", "is longer than a caller waits for an answer", "write at most `4h`"),
        ("20000", "has no unit", "write `20000ms`"),
        ("20000000", "is longer than a caller waits for an answer", "write at most `4h`"),
    ],
)
def test_a_bound_that_no_request_breaks_is_refused(text: str, error: str, help_: str) -> None:
    with pytest.raises(UnitError) as refused:
        SCALARS["latency"].parse(text)
    assert (str(refused.value), refused.value.help) == (error, help_)


NUMBERS = ("0", "0.0", "0.5", "1", "5", "99", "100", "150", "400", "20000", "900000")
"""Numbers without a unit, and with a space before it."""


@pytest.mark.parametrize("name", [name for name, scalar in SCALARS.items() if scalar.quantity is not None])
def test_trap_no_help_offers_what_its_field_refuses(name: str) -> None:
    """For zero, fields above zero offered `0ms`, and then refused it."""
    kind = SCALARS[name].quantity
    assert kind is not None
    for text in [
        "soon",
        *NUMBERS,
        *(f"{number} {unit.strip()}" for number in NUMBERS for unit in kind.UNITS),
        "90000000w",
    ]:
        try:
            SCALARS[name].parse(text)
        except UnitError as refused:
            for offered in re.findall(r"`([^`]+)`", refused.help):
                SCALARS[name].parse(offered)


@pytest.mark.parametrize("name", ["latency", "positive-duration", "interval"])
@pytest.mark.parametrize("text", ["0", "0.0", "0 s", "0ms"])
def test_trap_a_unit_does_not_make_zero_a_time(name: str, text: str) -> None:
    with pytest.raises(UnitError, match="is not a duration above zero"):
        SCALARS[name].parse(text)


def test_zero_is_the_same_in_every_unit() -> None:
    with pytest.raises(UnitError) as refused:
        SCALARS["rate"].parse("0")
    assert refused.value.help == "write `0/s`"
