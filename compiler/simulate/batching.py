"""Language models: continuous batching with chunked prefill, as vLLM and SGLang schedule it.

A replica works in steps. A step generates one token for each sequence, and reads up to a chunk of the prompts that have
been admitted. A request is admitted, first come, first served, while there are fewer sequences than allowed and its
prompt fits in the cache. Reading a prompt takes the time of a step, and everyone else's next token waits for it.

Nothing changes between two events except that the cache grows by a token per sequence and step. So many steps are one
segment here, with a closed form for its duration, which an arrival cuts short at the next step.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from random import Random

from ..record import Record
from .fleet import LATE, LOST, REFUSED, SERVED, Fleet, Loss, Replica, Trace
from .scaler import Autoscaler

__all__ = ["Engine", "Lengths", "generated"]

STEPS = 60


class Lengths(Record):
    """How many tokens prompts or responses have."""

    mean: float
    most: int
    """All have as many if the mean is no smaller."""

    @property
    def scale(self) -> float:
        """The mean m of the exponential distribution that has the wanted mean once it is cut at `most`.

        The mean of min(X, M) is m · (1 - e^(-M / m)).
        """
        if self.mean >= self.most:
            return self.mean
        low, high = self.mean, 1000.0 * self.most
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if -middle * math.expm1(-self.most / middle) < self.mean else (low, middle)
        return low


class Engine(Record):
    """How a replica serves a language model."""

    steps: tuple[float, ...]
    """The seconds of a step with 0, 1, 2, ... sequences, without what reading their cache takes."""
    each: float
    """The seconds that each token in the cache adds to a step."""
    reading: float
    """The seconds to read a token of a prompt."""
    chunk: int
    """How many tokens of prompts a step reads at most."""
    cache: int
    """How many tokens fit in the cache."""
    prompt: Lengths
    output: Lengths
    routing: str
    room: int | None
    timeout: float
    startup: float

    @property
    def sequences(self) -> int:
        """How many sequences a replica works on at once."""
        return len(self.steps) - 1


class _Request:
    __slots__ = ("arrived", "began", "first", "left", "output", "prompt")

    def __init__(self, arrived: float, prompt: int, output: int) -> None:
        self.arrived, self.prompt, self.output = arrived, prompt, output
        self.left = prompt
        """The tokens of the prompt that have not been read."""
        self.began = self.first = 0.0


class _Server(Replica):
    """A replica: what waits, what is read, and what is generated."""

    __slots__ = ("cached", "done", "plan", "reading", "turn", "waiting", "writing")

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.waiting: deque[_Request] = deque()
        self.reading: deque[_Request] = deque()
        self.writing: list[tuple[int, int, _Request]] = []
        """The sequences as a heap, by the step after which they end."""
        self.done = 0
        """The steps so far."""
        self.cached = 0
        """The tokens in the cache."""
        self.plan: tuple[float, int, int] | None = None
        """The segment under way: its beginning, its steps, and the tokens of prompts that it reads."""
        self.turn = 0
        """Counts the plans, so that one that was cut short is not finished twice."""

    @property
    def flying(self) -> int:
        """The requests in flight, with those that wait."""
        return len(self.waiting) + len(self.reading) + len(self.writing)


def generated(
    engine: Engine,
    arrivals: Iterable[float],
    seconds: float,
    replicas: int,
    random: Random,
    autoscaler: Autoscaler | None = None,
    losses: Sequence[Loss] = (),
) -> Trace:
    """Serve the arrivals with so many replicas at first."""
    fleet = Fleet(replicas, _Server, engine.startup, 1, seconds, random, autoscaler)
    run = _Run(engine, fleet, random)
    fleet.lost = run.lose
    for loss in losses:
        fleet.lose(loss)
    for now in arrivals:
        fleet.until(now)
        run.arrive(now)
    trace = fleet.finish()
    run.cut()
    return trace


class _Run:
    def __init__(self, engine: Engine, fleet: Fleet[_Server], random: Random) -> None:
        self.engine, self.fleet, self.random, self.trace = engine, fleet, random, fleet.trace
        self.prompts, self.outputs = engine.prompt.scale, engine.output.scale
        self.order = 0

    def arrive(self, now: float) -> None:
        """Route a request."""
        routed, engine = self.fleet.routed, self.engine
        if not routed:
            self.trace.add(now, -1, 0.0, 0.0, LOST)
            return
        server = routed[int(self.random.random() * len(routed))]
        if engine.routing == "least-request":
            other = routed[int(self.random.random() * len(routed))]
            server = other if other.flying < server.flying else server
        if server.dead or (engine.room is not None and len(server.waiting) >= engine.room):
            self.trace.add(now, server.number, 0.0, 0.0, LOST if server.dead else REFUSED)
            return
        prompt, output = self._length(engine.prompt, self.prompts), self._length(engine.output, self.outputs)
        server.waiting.append(_Request(now, prompt, output))
        self.fleet.meter.arrived[int(now)] += 1
        if server.plan is None:
            self._next(server, now)
        elif self._admits(server):
            self._shorten(server, now)

    def _length(self, lengths: Lengths, scale: float) -> int:
        if lengths.most == 0:
            return 0
        if lengths.mean >= lengths.most:
            return lengths.most
        return max(1, min(lengths.most, round(self.random.expovariate(1 / scale))))

    def _admits(self, server: _Server) -> bool:
        """Whether the next request may begin."""
        if not server.waiting or len(server.reading) + len(server.writing) >= self.engine.sequences:
            return False
        pending = sum(one.left for one in server.reading)
        alone = not server.reading and not server.writing
        return alone or server.cached + pending + server.waiting[0].prompt <= self.engine.cache

    # Segments

    def _next(self, server: _Server, now: float) -> None:
        """Plan the next segment."""
        while self._admits(server):
            request = server.waiting.popleft()
            request.began = now
            self.fleet.meter.began[int(now)] += 1
            server.reading.append(request)
        if not server.reading and not server.writing:
            server.plan = None
            return
        if server.reading:
            left = sum(one.left for one in server.reading)
            self._plan(server, now, 1, min(left, max(1, self.engine.chunk - len(server.writing))))
        else:
            self._plan(server, now, server.writing[0][0] - server.done, 0)

    def _plan(self, server: _Server, began: float, steps: int, read: int) -> None:
        server.plan = (began, steps, read)
        server.turn += 1
        turn = server.turn
        ends = began + self._duration(server, steps, read)
        self.fleet.at(ends, lambda now: self._end(server, now) if server.turn == turn else None)

    def _duration(self, server: _Server, steps: int, read: int) -> float:
        """The seconds of so many steps; each adds a token of every sequence to the cache."""
        each, writing = self.engine.each, len(server.writing)
        grown = each * writing * steps * (steps - 1) / 2
        return steps * self._step(server) + grown + read * self.engine.reading

    def _step(self, server: _Server) -> float:
        """The seconds of the first step of a segment; a step that only reads a prompt reads the weights as it does."""
        writing = len(server.writing)
        return self.engine.steps[writing] + self.engine.each * server.cached if writing else 0.0

    def _shorten(self, server: _Server, now: float) -> None:
        """End a segment with the step that is under way, so that a new request begins with the next one."""
        assert server.plan is not None
        began, steps, read = server.plan
        if read or steps == 1:
            return
        first, grows = self._step(server), self.engine.each * len(server.writing)
        passed = now - began
        half = first - grows / 2
        under_way = (math.sqrt(half * half + 2 * grows * passed) - half) / grows if grows else passed / first
        shorter = min(steps, max(1, math.ceil(under_way - 1e-9)))
        if shorter < steps:
            self._plan(server, began, shorter, 0)

    def _end(self, server: _Server, now: float) -> None:
        """Finish a segment."""
        assert server.plan is not None
        began, steps, read = server.plan
        writing = len(server.writing)
        server.done += steps
        server.cached += writing * steps + read
        self.trace.busy += max(0.0, min(now, self.trace.seconds) - began)
        if writing:
            self.trace.gaps.append(((now - began) / steps, float(writing * steps)))
        while server.writing and server.writing[0][0] <= server.done:
            self._answer(server, heapq.heappop(server.writing)[2], now)
        while read:
            request = server.reading[0]
            part = min(read, request.left)
            request.left -= part
            read -= part
            if request.left:
                break
            server.reading.popleft()
            request.first = now
            if request.output <= 1:
                self._answer(server, request, now)
            else:
                self.order += 1
                heapq.heappush(server.writing, (server.done + request.output - 1, self.order, request))
        self._next(server, now)

    def _answer(self, server: _Server, request: _Request, now: float) -> None:
        server.cached -= request.prompt + max(0, request.output - 1)
        took = now - request.arrived
        meter = self.fleet.meter
        if now < self.trace.seconds:
            meter.ended[int(now)] += 1
            meter.took[int(now)] += took
        late = LATE if took > self.engine.timeout else SERVED
        self.trace.add(request.arrived, server.number, request.first - request.arrived, took, late)

    # Ends

    def lose(self, server: _Server, now: float) -> None:
        """Fail what the replica works on, and what waits on it."""
        server.turn += 1
        for request in (*server.waiting, *server.reading, *(one for _, _, one in server.writing)):
            self.trace.add(request.arrived, server.number, 0.0, 0.0, LOST)
            self.fleet.meter.ended[int(now)] += 1
            if not request.began:
                self.fleet.meter.began[int(now)] += 1

    def cut(self) -> None:
        """Record the requests that are still in flight at the end: they took at least as long as until then."""
        now = self.trace.seconds
        for server in (one for one in self.fleet.all if not one.dead):
            for request in (*server.waiting, *server.reading, *(one for _, _, one in server.writing)):
                took = now - request.arrived
                late = LATE if took > self.engine.timeout else SERVED
                first = request.first - request.arrived if request.first else took
                self.trace.add(request.arrived, server.number, first, took, late)
