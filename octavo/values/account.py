"""What a step tells of itself while it works: what it uses, how far it is; and that it learns when it shall end."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from threading import Lock

import msgspec

from octavo.errors import InvalidInput

# Between two words of one step about its progress.
TELL_SECONDS = 1.0
_MOST = 2**53


class Metrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step used.

    Attributes:
        tokens_in, tokens_out: of a language model.
        cost_usd: in dollars of the United States; exact, so that a million runs add up to the cent.
        cpu_seconds: of its thread or its process, measured by the worker; 0 for one in the event loop.
        memory_mb: the most it held, in 10^6 bytes, measured by the worker for a step in a process.
        tries: how often it was called in the attempt in which it ended, its items together.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: Decimal = Decimal(0)
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    tries: int = 1

    def plus(self, other: Metrics) -> Metrics:
        """Both together: what was used adds up, of memory it is the most that counts."""
        return Metrics(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cost_usd=self.cost_usd + other.cost_usd,
            cpu_seconds=self.cpu_seconds + other.cpu_seconds,
            memory_mb=max(self.memory_mb, other.memory_mb),
            tries=self.tries + other.tries,
        )


NOTHING = Metrics()


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far a step is: so many of `total`, which may be unknown, and what it is at."""

    done: int
    total: int | None = None
    note: str = ""


class Account:
    """What one call of a component tells, from any thread, and whether it shall end."""

    def __init__(self) -> None:
        self.cancelled = False
        self.metrics = NOTHING
        self._lock = Lock()
        self._tell: Callable[[Progress], None] | None = None
        self._told_at = float("-inf")

    def listen(self, tell: Callable[[Progress], None]) -> None:
        """Have progress told to a function, which the component's thread calls once a second at most."""
        self._tell = tell

    def measure(
        self,
        *,
        tokens_in: int = 0,
        tokens_out: int = 0,
        cost_usd: Decimal | float = 0,
        memory_mb: float = 0.0,
    ) -> None:
        """See `Given.measure`."""
        cost = cost_usd if isinstance(cost_usd, Decimal) else Decimal(str(cost_usd))
        for name, value in (
            ("tokens_in", tokens_in),
            ("tokens_out", tokens_out),
            ("cost_usd", cost),
            ("memory_mb", memory_mb),
        ):
            if not 0 <= float(value) < _MOST:
                raise InvalidInput(f"a step cannot measure {name} = {value}", remedy="give 0 or more")
        with self._lock:
            kept = self.metrics
            self.metrics = msgspec.structs.replace(
                kept,
                tokens_in=kept.tokens_in + tokens_in,
                tokens_out=kept.tokens_out + tokens_out,
                cost_usd=kept.cost_usd + cost,
                memory_mb=max(kept.memory_mb, memory_mb),
            )

    def hear(self, progress: Progress) -> None:
        """Tell on what was told in another process, which keeps the pace itself."""
        if self._tell is not None:
            self._tell(progress)

    def took_over(self, metrics: Metrics) -> None:
        """Have what was measured in another process."""
        self.metrics = metrics

    def spent(self, *, cpu_seconds: float, memory_mb: float = 0.0) -> None:
        """Add what the worker measured."""
        with self._lock:
            kept = self.metrics
            self.metrics = msgspec.structs.replace(
                kept,
                cpu_seconds=round(kept.cpu_seconds + cpu_seconds, 6),
                memory_mb=max(kept.memory_mb, memory_mb),
            )

    def progress(self, done: int, total: int | None, note: str) -> None:
        """See `Given.progress`."""
        now = time.monotonic()
        if self._tell is None or now - self._told_at < TELL_SECONDS:
            return
        self._told_at = now
        self._tell(Progress(done, total, note.replace("\x00", "")[:200]))
