"""Quantities in everyday notation: `50ms`, `800/s`, `99.9%`, `4Gi`.

Units are explicit, never assumed (law 4 of the language). Each class parses one format, stores an exact decimal amount
in its base unit, and prints the shortest exact form. `PATTERN` is the single definition of that format: the published
JSON Schema and `parse` both use it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import ClassVar, Self

__all__ = [
    "Quantity", "Duration", "Rate", "Percent", "Memory", "Cores", "Count", "Margin", "Measure", "UnitError",
    "UnreadableError", "no_unit",
]  # fmt: skip

NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"


class UnitError(ValueError):
    """A string that is not a valid quantity; `help` says what to write, and `note` why it matters, if that is not
    obvious. `offered` are the quantities that the text could stand for, by what to write for each.
    """

    def __init__(
        self,
        found: str,
        help: str,  # noqa: A002 - the name that diagnostics use
        note: str = "",
        offered: dict[str, Quantity] | None = None,
    ) -> None:
        super().__init__(found)
        self.help = help
        self.note = note
        self.offered = offered or {}

    def help_near(self, usual: Quantity) -> str:
        """The help for a field with a default: only the units that give a value of its scale."""
        low, high = usual.amount / SCALE, usual.amount * SCALE
        near = [text for text, one in self.offered.items() if low <= one.amount <= high]
        return _written(near) if near else self.help

    def offering(self, takes: Callable[[str, Quantity], bool]) -> UnitError | None:
        """The same error for a field that takes only some of the quantities; None if it takes none of them."""
        left = {text: one for text, one in self.offered.items() if takes(text, one)}
        if len(left) == len(self.offered):
            return self
        return UnitError(str(self), _written(list(left)), self.note, left) if left else None


class UnreadableError(UnitError):
    """A text that is like no quantity of a kind; the help has examples of the kind."""

    def __init__(self, kind: type[Quantity]) -> None:
        super().__init__(f"is not {kind.WHAT}", like(kind.EXAMPLES))


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: a system uses few of the formats, and each costs 0.1 ms to compile."""
    return re.compile(pattern)


def plain(amount: Decimal) -> str:
    """Format a decimal without an exponent or trailing zeros: 1E+3 as 1000, 0.500 as 0.5."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def like(examples: tuple[str, ...]) -> str:
    """The help for a text in another notation: two examples, because some kinds have two notations."""
    return "write it like " + " or ".join(f"`{example}`" for example in examples[:2])


def _written(texts: list[str]) -> str:
    """The help for one text or several: `a`; `a` or `b`; `a`, `b`, or `c`, with a reminder to choose."""
    quoted = [f"`{text}`" for text in texts]
    if len(quoted) == 1:
        return f"write {quoted[0]}"
    comma = "," if len(quoted) > 2 else ""
    return f"write {', '.join(quoted[:-1])}{comma} or {quoted[-1]}, whichever you mean"


SCALE = 1000
"""How much larger or smaller than its default the value of a field can be, if a unit is missing."""


def no_unit(kind: type[Quantity], text: str, units: tuple[str, ...]) -> UnitError:
    """The error for a number that could have one of some units. Zero is the same in all of them."""
    offered = {f"{text}{unit}": one for unit in units if (one := kind.possible(f"{text}{unit}")) is not None}
    if not offered:
        return UnreadableError(kind)
    if not Decimal(text):
        offered = dict([next(iter(offered.items()))])
    return UnitError("has no unit", _written(list(offered)), offered=offered)


class Quantity:
    """An exact amount in a base unit: immutable, ordered within its class, printed in everyday notation."""

    __slots__ = ("amount",)
    WHAT: ClassVar[str]
    PATTERN: ClassVar[str]
    EXAMPLES: ClassVar[tuple[str, ...]]
    UNITS: ClassVar[dict[str, Decimal]] = {}
    USUAL: ClassVar[tuple[str, ...]] = ()
    """The units to suggest if there is none."""
    WORDS: ClassVar[dict[str, str]] = {}
    """Units by what other notations call them, in lowercase."""

    amount: Decimal

    def __init__(self, amount: Decimal | int) -> None:
        object.__setattr__(self, "amount", Decimal(amount))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse one quantity; raise `UnitError` if the string is not one."""
        match = compiled(cls.PATTERN).fullmatch(text)
        if match is None:
            raise cls._error(text)
        return cls._from(match)

    @classmethod
    def possible(cls, text: str) -> Self | None:
        """The quantity; None if the string is not one."""
        try:
            return cls.parse(text)
        except UnitError:
            return None

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        return cls(Decimal(match[1]) * cls.UNITS[match[2]])

    @classmethod
    def _error(cls, text: str) -> UnitError:
        if cls.USUAL and compiled(NUMBER).fullmatch(text):
            return no_unit(cls, text, cls.USUAL)
        match = compiled(rf"({NUMBER}) ?([A-Za-z%/]+)").fullmatch(text)
        unit = cls.WORDS.get(match[2].lower(), match[2]) if match is not None else ""
        if match is None or unit not in cls.UNITS:
            return UnreadableError(cls)
        meant = f"{match[1]}{unit}"
        try:
            return UnitError(f"is not {cls.WHAT}", _written([meant]), offered={meant: cls.parse(meant)})
        except UnitError as error:
            return error

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.amount == self.amount

    def __lt__(self, other: Self) -> bool:
        return self.amount < other.amount

    def __le__(self, other: Self) -> bool:
        return self.amount <= other.amount

    def __gt__(self, other: Self) -> bool:
        return self.amount > other.amount

    def __ge__(self, other: Self) -> bool:
        return self.amount >= other.amount

    def __hash__(self) -> int:
        return hash((type(self), self.amount))

    def __float__(self) -> float:
        return float(self.amount)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        """The largest unit that gives a whole number, else the smallest unit."""
        for unit, factor in reversed(self.UNITS.items()):
            if self.amount and self.amount % factor == 0:
                return f"{plain(self.amount / factor)}{unit}"
        unit, factor = next(iter(self.UNITS.items()))
        return f"{plain(self.amount / factor)}{unit}"


class Duration(Quantity):
    """A duration; `amount` is in seconds."""

    __slots__ = ()
    WHAT = "a duration"
    UNITS: ClassVar[dict[str, Decimal]] = {
        "us": Decimal("0.000001"), "ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600),
        "d": Decimal(86400), "w": Decimal(604800),
    }  # fmt: skip
    PATTERN = rf"({NUMBER})(us|ms|s|m|h|d|w)"
    EXAMPLES = ("50ms", "24h", "45d")
    USUAL = ("ms", "s", "m", "h", "d")
    WORDS: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
        **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
        **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
        **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
        **dict.fromkeys(("day", "days"), "d"),
        **dict.fromkeys(("wk", "week", "weeks"), "w"),
    }
    LONGEST: ClassVar[str] = "36500d"
    """A hundred years. Prometheus and Kubernetes count a duration in nanoseconds in 64 bits: no more than 292 years."""

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        made = super()._from(match)
        if made.amount > 36500 * cls.UNITS["d"]:
            longest: dict[str, Quantity] = {cls.LONGEST: cls(36500 * cls.UNITS["d"])}
            raise UnitError("is longer than a hundred years", f"write at most `{cls.LONGEST}`", offered=longest)
        return made

    def __str__(self) -> str:
        """Zero is `0s`. Weeks print as days, like cadences and windows. A fractional millisecond prints in `ms`.

        A difference of two durations can be negative.
        """
        if not self.amount:
            return "0s"
        if self.amount % Decimal("0.001") and abs(self.amount) >= Decimal("0.001"):
            return f"{plain(self.amount * 1000)}ms"
        text = super().__str__()
        return text if text[-1] != "w" else f"{plain(self.amount / 86400)}d"


class Rate(Quantity):
    """Events over time; `amount` is per second."""

    __slots__ = ()
    WHAT = "a rate"
    UNITS: ClassVar[dict[str, Decimal]] = {  # divisors in seconds, because 1/60 has no exact decimal
        "/s": Decimal(1), "/m": Decimal(60), "/h": Decimal(3600), "/d": Decimal(86400),
    }  # fmt: skip
    PATTERN = rf"({NUMBER})(/[smhd])"
    EXAMPLES = ("800/s", "120/m")
    USUAL = ("/s", "/h")

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        return cls(Decimal(match[1]) / cls.UNITS[match[2]])

    def __str__(self) -> str:
        """The shortest period that needs at most one decimal place, else events per second to three digits."""
        for unit, seconds in self.UNITS.items():
            events = (self.amount * seconds).quantize(Decimal("0.000001"))
            if events * 10 == (events * 10).to_integral_value() and bool(events) is bool(self.amount):
                return f"{plain(events)}{unit}"
        return f"{plain(Decimal(f'{self.amount:.3g}'))}/s"


class Percent(Quantity):
    """A share of a whole; `amount` is the fraction, so `99.9%` is 0.999."""

    __slots__ = ()
    WHAT = "a percentage"
    UNITS: ClassVar[dict[str, Decimal]] = {"%": Decimal("0.01")}
    PATTERN = rf"({NUMBER})(%)"
    EXAMPLES = ("99.9%", "5%")
    USUAL = ("%",)

    @classmethod
    def _error(cls, text: str) -> UnitError:
        if compiled(NUMBER).fullmatch(text) and 0 < Decimal(text) < 1:
            return UnitError("has no unit", f"write `{plain(Decimal(text) * 100)}%` for this share, or `{text}%`")
        return super()._error(text)

    def __str__(self) -> str:
        return f"{plain(self.amount * 100)}%"


class Memory(Quantity):
    """An amount of memory or storage, in Kubernetes notation; `amount` is in bytes."""

    __slots__ = ()
    WHAT = "an amount of memory"
    UNITS: ClassVar[dict[str, Decimal]] = {
        "k": Decimal(10**3), "Ki": Decimal(2**10), "M": Decimal(10**6), "Mi": Decimal(2**20),
        "G": Decimal(10**9), "Gi": Decimal(2**30), "T": Decimal(10**12), "Ti": Decimal(2**40),
    }  # fmt: skip
    PATTERN = rf"({NUMBER})([kMGT]|[KMGT]i)"
    EXAMPLES = ("4Gi", "512Mi")
    USUAL = ("Mi", "Gi")

    @classmethod
    def _error(cls, text: str) -> UnitError:
        if compiled(NUMBER).fullmatch(text) and Decimal(text) >= 2**20:
            kib = -(-Decimal(text) // 2**10)
            return UnitError("has no unit", f"write `{plain(kib)}Ki` if these are bytes, or add the unit that you mean")
        return super()._error(text)

    def __str__(self) -> str:
        """Binary units first, because requests are compared in them."""
        for unit in ("Ti", "Gi", "Mi", "Ki", "T", "G", "M", "k"):
            if self.amount and self.amount % self.UNITS[unit] == 0:
                return f"{plain(self.amount / self.UNITS[unit])}{unit}"
        return plain(self.amount)


class Cores(Quantity):
    """CPU cores, in Kubernetes notation: `4`, `0.5`, or `500m`."""

    __slots__ = ()
    WHAT = "a number of CPU cores"
    PATTERN = rf"({NUMBER})(m?)"
    EXAMPLES = ("4", "500m")

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        return cls(Decimal(match[1]) / (1000 if match[2] else 1))

    def __str__(self) -> str:
        """Canonical, so that a GitOps diff against the API server's form is empty: `500m`, not `0.5`."""
        whole = self.amount == self.amount.to_integral_value()
        return plain(self.amount) if whole else f"{plain(self.amount * 1000)}m"


class Count(Quantity):
    """A number of things: `400`, `6k`, `120M`, `1.5B`."""

    __slots__ = ()
    WHAT = "a count"
    UNITS: ClassVar[dict[str, Decimal]] = {
        "": Decimal(1), "k": Decimal(10**3), "M": Decimal(10**6), "B": Decimal(10**9), "T": Decimal(10**12),
    }  # fmt: skip
    PATTERN = rf"([0-9]{{1,15}}(?=$)|{NUMBER}(?=[kMBT]))([kMBT]?)"
    EXAMPLES = ("20000", "120M")

    def __int__(self) -> int:
        return int(self.amount)


class Margin(Quantity):
    """The required distance from a baseline: absolute (`-0.002`) or relative to it (`5%`)."""

    __slots__ = ("relative",)
    WHAT = "a margin"
    PATTERN = rf"(-?{NUMBER})(%?)"
    EXAMPLES = ("0.01", "5%")
    relative: bool

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        margin = cls(Decimal(match[1]) * (Decimal("0.01") if match[2] else 1))
        object.__setattr__(margin, "relative", bool(match[2]))
        return margin

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.relative == other.relative  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.amount, self.relative))

    def __str__(self) -> str:
        return f"{plain(self.amount * 100)}%" if self.relative else plain(self.amount)


class Measure(Quantity):
    """A bound on a metric, in the unit of the metric: `0.6`, `1.5%`, `50ms`, `20/s`.

    `amount` is in seconds, in events per second, or a plain number (a percentage is stored as a fraction). `unit` is
    `s`, `/s`, `%`, or empty, and is compared with the unit of the metric.
    """

    __slots__ = ("unit",)
    WHAT = "a bound on a metric"
    PATTERN = rf"(-?{NUMBER})(%|us|ms|s|m|h|d|w|/[smhd])?"
    EXAMPLES = ("0.6", "1.5%", "50ms")
    unit: str

    @classmethod
    def _from(cls, match: re.Match[str]) -> Self:
        number, suffix = Decimal(match[1]), match[2] or ""
        if suffix in Rate.UNITS:
            number, unit = number / Rate.UNITS[suffix], "/s"
        elif suffix in Duration.UNITS:
            number, unit = number * Duration.UNITS[suffix], "s"
        else:
            number, unit = number / (100 if suffix else 1), suffix
        measure = cls(number)
        object.__setattr__(measure, "unit", unit)
        return measure

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self.unit == other.unit  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.amount, self.unit))

    def __str__(self) -> str:
        match self.unit:
            case "s":
                return str(Duration(self.amount))
            case "/s":
                return str(Rate(self.amount))
            case "%":
                return str(Percent(self.amount))
            case _:
                return plain(self.amount)
