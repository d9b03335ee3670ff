"""What must be true after a year of calls, worked out without the database: from what the supplier answered alone."""

from dataclasses import dataclass, field

DAY = 86400
YEAR = 365 * DAY - 3600
Span = tuple[int, int]


def joined(spans: list[Span]) -> list[Span]:
    """The same times in order, without overlap or touching ends."""
    out: list[Span] = []
    for begin, end in sorted(s for s in spans if s[0] < s[1]):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def without(spans: list[Span], taken: list[Span]) -> list[Span]:
    """The times of the first that are not in the second."""
    for begin, end in taken:
        spans = [
            piece for a, b in spans for piece in ((a, min(b, begin)), (max(a, end), b)) if piece[0] < piece[1]
        ]
    return joined(spans)


@dataclass(frozen=True)
class Call:
    """One call that reached the supplier or failed on the way: its window, as the supplier read it, and what came back."""

    window: Span
    reason: str | None
    """Why the window is not answered completely; None when it is."""
    rows: tuple[dict[str, str], ...] = ()


@dataclass
class Model:
    """Coverage, leads and ways as they should be."""

    wanted_from: int | None = None
    key_at: int = 0
    covered: list[Span] = field(default_factory=list)
    again: list[Span] = field(default_factory=list)
    failed: dict[str, tuple[int, Span, str]] = field(default_factory=dict)
    running: dict[str, tuple[int, Span]] = field(default_factory=dict)
    claimed: dict[str, tuple[int, Span]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    """Of each lead stored, the SUBJECT of the copy that came first."""
    pulled: dict[str, int] = field(default_factory=dict)
    pushed: dict[str, int] = field(default_factory=dict)

    def claim(self, now: int, run_id: str, window: Span, lease: int) -> None:
        """A run was handed out, and what others left behind was ended."""
        self.reap(now, lease)
        if self.wanted_from is None:
            self.wanted_from = now - YEAR
        self.running[run_id] = self.claimed[run_id] = (now, window)

    def reap(self, now: int, lease: int) -> None:
        """Runs whose lease is over are lost."""
        for run_id, (since, window) in list(self.running.items()):
            if since + lease <= now:
                del self.running[run_id]
                self.failed[run_id] = (since, window, "worker_lost")

    def commit(self, now: int, run_id: str, call: Call) -> None:
        """The answer of a run is stored, also of one that had been lost."""
        since, window = self.claimed[run_id]
        assert call.window == window, "asked for another time than was handed out"
        self.running.pop(run_id, None)
        self.failed.pop(run_id, None)
        self.store(now, self.pulled, call.rows)
        if call.reason is not None:
            self.failed[run_id] = (since, window, call.reason)
            return
        self.covered = joined([*self.covered, window])
        if since >= self.key_at + DAY:
            self.again = without(self.again, [window])
        elif since >= self.key_at:
            self.again = joined([*self.again, (window[0], min(window[1], self.key_at))])

    def store(self, now: int, way: dict[str, int], rows: tuple[dict[str, str], ...]) -> None:
        """Leads came by a way."""
        for row in rows:
            self.first.setdefault(row["UNIQUE_QUERY_ID"], row["SUBJECT"])
            way.setdefault(row["UNIQUE_QUERY_ID"], now)

    def open(self, now: int) -> list[Span]:
        """What is not answered, since history began."""
        return [] if self.wanted_from is None else without([(self.wanted_from, now)], self.covered)

    def reason(self, gap: Span) -> str:
        """Why a time is open: what the last call for it came to."""
        tried = [(since, why) for since, (a, b), why in self.failed.values() if a < gap[1] and b > gap[0]]
        return max(tried)[1] if tried else "not_asked"
