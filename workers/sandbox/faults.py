"""Faults on demand: which of the rules given through the control API fires now."""

from collections.abc import Collection
from random import Random
from threading import Lock
from typing import Generic, TypeVar

from workers.sandbox.models import IndiaMartFault, MetaFault
from workers.sandbox.razorpay_models import RazorpayFault

F = TypeVar("F", MetaFault, IndiaMartFault, RazorpayFault)


class Faults(Generic[F]):
    """The rules in force, oldest first, each with its own seeded randomness and its own rest."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rules: list[tuple[F, Random]] = []
        self._fired: dict[int, int] = {}
        self._made = 0

    def add(self, rule: F) -> F:
        """Puts a rule in force; one without count and probability fires once."""
        with self._lock:
            self._made += 1
            once = rule.count is None and rule.probability is None
            rule = rule.model_copy(update={"id": self._made, "count": 1 if once else rule.count})
            self._rules.append((rule, Random(rule.seed)))  # noqa: S311 (repeatable on purpose)
            return rule

    def clear(self) -> None:
        """Takes every rule out of force."""
        with self._lock:
            self._rules.clear()

    def take(
        self,
        kinds: Collection[str],
        target: str | None,
        endpoint: str | None = None,
        calls: Collection[str] = (),
    ) -> F | None:
        """Gives the first rule of these kinds that fires for this target and call, and uses it up by one."""
        with self._lock:
            for rule, random in self._rules:
                meant = rule.phone_number_id if isinstance(rule, MetaFault) else rule.key
                if rule.kind not in kinds or meant not in (None, target):
                    continue
                if endpoint and isinstance(rule, MetaFault) and rule.endpoint != endpoint:
                    continue
                if isinstance(rule, MetaFault) and rule.call and rule.call not in calls:
                    continue
                fired = self._fired.get(rule.id, 0)
                if rule.count is not None and fired >= rule.count:
                    continue
                if rule.probability is not None and random.random() >= rule.probability:
                    continue
                self._fired[rule.id] = fired + 1
                return rule
            return None

    def listing(self) -> list[dict[str, object]]:
        """Gives the rules with how often each fired."""
        with self._lock:
            return [{**r.model_dump(), "fired": self._fired.get(r.id, 0)} for r, _ in self._rules]
