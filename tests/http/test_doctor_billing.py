"""What `flow doctor` says of billing: plans that nobody could pay, and what suppliers told in vain."""

import pytest

from tests.http.recording import RecordingDatabase, Reply
from workers.cli.doctor_business import findings

SET: dict[str, Reply] = {
    "subscription_plans": {"plans": [{"code": "growth", "is_current": True}, {"code": "old"}]},
    "payment_provider": {"provider": "razorpay"},
    "seller": {"legal_name": "Flow"},
    "billing_problems": {"events": [], "payments": [], "intents": [], "subscriptions": []},
}
SAID: list[tuple[dict[str, Reply], list[tuple[str, str]]]] = [
    ({}, [("ok", "1 plans on offer")]),
    ({"subscription_plans": {"plans": []}, "seller": {}, "payment_provider": {"provider": None}}, []),
    ({"payment_provider": {"provider": None}}, [("error", "no supplier is set")]),
    ({"seller": {"legal_name": None}}, [("error", "no seller is set")]),
    (
        {"billing_problems": {"subscriptions": [{}, {}], "intents": [{}]}},
        [
            (
                "warning",
                "1 wishes were refused by the supplier, 2 subscriptions are not as the supplier tells",
            )
        ],
    ),
    ({"billing_problems": {"events": [{}], "payments": [{}]}}, [("ok", "1 plans on offer")]),
]


@pytest.mark.parametrize(("changed", "expected"), SAID)
def test_doctor_tells_what_keeps_money_from_coming(
    changed: dict[str, Reply], expected: list[tuple[str, str]]
) -> None:
    told = [
        one
        for one in findings(RecordingDatabase(**SET | changed))
        if "illing" in one.what or "subscribe" in one.what
    ]

    assert [one.level for one in told] == [level for level, _ in expected]
    assert all(words in one.what for one, (_, words) in zip(told, expected, strict=True))
    assert all(one.remedy for one in told if one.level != "ok")
