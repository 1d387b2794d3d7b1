"""Continuous batching in a simulation, against arithmetic by hand, and against an independent simulation."""

from __future__ import annotations

from random import Random

import pytest

from mlspec.compiler.simulate.arrivals import Load
from mlspec.compiler.simulate.batching import Engine, Lengths, generated
from mlspec.compiler.simulate.fleet import LOST, REFUSED, SERVED, Loss, Trace

ENGINE = Engine(
    steps=(0.02,) * 9,
    each=0.0,
    reading=0.001,
    chunk=1000,
    cache=10**9,
    prompt=Lengths(mean=100, most=100),
    output=Lengths(mean=11, most=11),
    routing="random",
    room=None,
    timeout=1e9,
    startup=60.0,
)
"""Steps of 20 ms for up to 8 sequences, and 100 ms to read a prompt; 10 steps follow the first token."""


def run(arrivals: list[float], seconds: float = 1000.0, replicas: int = 1, **how: object) -> Trace:
    return generated(ENGINE.but(**how), arrivals, seconds, replicas, Random(1))


def rounded(values: object) -> list[float]:
    return [round(value, 6) for value in values]  # type: ignore[attr-defined]


def test_one_request_takes_its_prompt_and_a_step_for_each_further_token() -> None:
    trace = run([1.0])
    assert rounded(trace.waited) == [0.1]
    assert rounded(trace.latency) == [0.3]
    assert rounded(took for took, _ in trace.gaps) == [0.02]


def test_another_prompt_stops_the_response_for_as_long_as_it_takes_to_read() -> None:
    """The second request arrives at 0.15 s, in the third step after the first token at 0.1 s. So it is read from 0.16 s
    on, with a step of the first, which takes 120 ms, and the first ends 100 ms later than alone.
    """
    trace = run([0.0, 0.15])
    assert rounded(trace.latency) == [0.4, 0.33]
    assert rounded(trace.waited) == [0.1, 0.13]
    assert (0.12, 1.0) in [(round(took, 6), many) for took, many in trace.gaps]


def test_a_prompt_is_read_in_chunks() -> None:
    """40 tokens a step: while nothing is generated, 100 tokens take 100 ms in three steps. Next to a response, whose
    tokens count, they are 39 + 39 + 22, each with a step of 20 ms.
    """
    trace = run([0.0, 0.15], chunk=40)
    assert rounded(trace.waited) == [0.1, 0.17]
    assert max(took for took, _ in trace.gaps) == pytest.approx(0.02 + 0.039)


def test_no_more_sequences_run_than_are_allowed() -> None:
    """One at a time: each of three requests waits for those before it, 0.3 s each."""
    assert rounded(run([0.0, 0.0, 0.0], steps=(0.02, 0.02)).latency) == [0.3, 0.6, 0.9]


def test_no_prompt_begins_that_does_not_fit_in_the_cache() -> None:
    """Two prompts of 100 tokens and 10 tokens of a response do not fit in 150: one after the other."""
    assert rounded(run([0.0, 0.0], cache=150).latency) == [0.3, 0.6]
    assert rounded(run([0.0, 0.0], cache=1000).latency) == rounded([0.3 + 0.1, 0.4 + 0.02])


def test_the_cache_makes_steps_slower_as_it_grows() -> None:
    """1 ms for each of 100, 101, ..., 109 tokens in the cache: 1,045 ms more than the ten steps alone."""
    assert rounded(run([0.0], each=0.001).latency) == [0.1 + 10 * 0.02 + 1.045]


def test_an_embedder_is_done_when_it_has_read() -> None:
    trace = run([0.0, 0.0], output=Lengths(mean=0, most=0))
    assert rounded(trace.latency) == [0.1, 0.2]
    assert not trace.gaps


def test_every_request_is_counted_once() -> None:
    arrivals = list(Load(20.0).arrivals(300, Random(2)))
    engine = ENGINE.but(room=5, output=Lengths(mean=30, most=200))
    trace = generated(engine, arrivals, 300, 3, Random(3), None, [Loss(what="replica", at=100.0)])
    assert sorted(trace.arrived) == arrivals
    assert trace.outcome.count(LOST)
    assert trace.outcome.count(REFUSED)
    assert trace.outcome.count(SERVED) > 0.3 * len(arrivals)


def test_lengths_have_their_mean_although_they_are_cut() -> None:
    lengths, random = Lengths(mean=200, most=512), Random(4)
    rate = 1 / lengths.scale
    drawn = [min(512.0, random.expovariate(rate)) for _ in range(100_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(200, rel=0.01)


A100 = (2039e9 * 0.6, 312e12 * 0.4)
"""Bytes and operations per second of an A100 with 80 GB, at 60% and 40% of its data sheet."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "devices", "cached", "prompt", "output", "rate", "median", "tail"),
    [
        (8.03e9, 1, 131_072, 2000, 300, 1.0, (6.2, 6.2), (8.7, 9.4)),
        (8.03e9, 1, 131_072, 2000, 300, 2.0, (11.7, 12.6), (18.8, 21.4)),
        (70.55e9, 4, 327_680, 6500, 1500, 0.05, (52.4, 52.4), (61.0, 62.0)),
        (70.55e9, 4, 327_680, 6500, 1500, 0.125, (66.5, 66.5), (89.0, 94.0)),
    ],
)
def test_a_step_by_step_simulation_that_another_author_wrote_agrees(
    parameters: float,
    devices: int,
    cached: int,
    prompt: int,
    output: int,
    rate: float,
    median: tuple[float, float],
    tail: tuple[float, float],
) -> None:
    """Llama 8B on one A100, and 70B on four: its medians and 95th percentiles over several runs, within 6%."""
    reads, computes = (speed * devices for speed in A100)
    engine = ENGINE.but(
        steps=(2 * parameters / reads,) * 1001,
        each=cached / reads,
        reading=2 * parameters / computes,
        chunk=2048,
        prompt=Lengths(mean=prompt, most=prompt),
        output=Lengths(mean=output, most=output),
    )
    seconds = 6000 / rate
    trace = generated(engine, Load(rate).arrivals(seconds, Random(2)), seconds, 1, Random(2))
    inside = zip(trace.arrived, trace.latency, strict=True)
    took = sorted(latency for at, latency in inside if 0.1 * seconds < at < 0.9 * seconds)
    assert 0.94 * median[0] <= took[len(took) // 2] <= 1.06 * median[1]
    assert 0.94 * tail[0] <= took[int(0.95 * len(took))] <= 1.06 * tail[1]
