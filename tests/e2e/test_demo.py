"""The main job through a running stack, and the operator's commands on the way."""

import json
from uuid import uuid4

import httpx

from tests.e2e.commands import Business, Commands, RunningStack

EVERY_LEAD = ("leads", "stored", "greeted", "delivered", "read", "answered", "replied")
KEYS = {"ok", *EVERY_LEAD, "duplicates", "lost", "lead_to_greeting_ms", "seconds"}


def make_the_trip(flow: Commands, leads: int) -> None:
    """Run the demo with so many leads, and look at what it tells."""
    status, result, progress = flow("demo", "--leads", str(leads))

    assert (status, result["ok"]) == (0, True), progress
    assert set(result) == KEYS
    assert {result[key] for key in EVERY_LEAD} == {leads}
    assert (result["duplicates"], result["lost"]) == (0, 0)
    assert result["lead_to_greeting_ms"]["p95"] <= 5000
    assert "ms" in progress


def test_every_lead_makes_the_whole_trip_exactly_once(flow: Commands) -> None:
    make_the_trip(flow, 25)


def test_a_person_who_exists_keeps_the_password_and_gets_a_second_organization(flow: Commands) -> None:
    owner = f"ravi.{uuid4().hex[:12]}@example.com"

    _, first, _ = flow(
        "org", "create", "First", "--owner", owner, "--password-stdin", stdin="the-first-one\n"
    )
    status, second, said = flow(
        "org", "create", "Second", "--owner", owner.upper(), "--password-stdin", stdin="another-one\n"
    )

    assert status == 0
    assert first["owner_id"] == second["owner_id"]
    assert first["org_id"] != second["org_id"]
    assert "keeps the password" in said


def test_a_number_is_connected_greets_a_lead_and_is_disconnected(
    flow: Commands, org: str, business: Business
) -> None:
    connected = business.connect(flow, org)
    setting = flow(
        "greeting", "set", "--org", org, "--template", "hello", "--language", "en",
        "--param", "name", "--param", "product",
    )  # fmt: skip
    lead = flow("lead", "add", "--org", org, "--name", "Asha", "--phone", "90000 00001", "--greet")
    shown = flow("greeting", "show", "--org", org)
    rehearsed = flow("greeting", "dry-run", "--org", org)
    synced = flow("template", "sync", "--org", org)
    gone = flow("whatsapp", "disconnect", "--org", org, "--phone-number-id", business.phone_number_id)

    assert connected[0] == 0
    assert connected[1]["verified_name"]
    assert setting[:2] == (0, setting[1] | {"on": True, "template": "hello", "params": ["name", "product"]})
    assert lead[0] == 0
    assert {"lead_id", "contact_id"} <= set(lead[1])
    assert [(r["template"], r["default"], r["on"]) for r in shown[1]["rules"]] == [("hello", True, True)]
    assert [(r["lead_id"], r["greeted"]) for r in rehearsed[1]["leads"]] == [(lead[1]["lead_id"], True)]
    assert synced[1] == {"templates": 1}
    assert gone[1] == {"disconnected": 1}


def test_a_token_that_proves_nothing_connects_nothing_and_is_not_repeated(
    flow: Commands, org: str, business: Business
) -> None:
    business.token = "EAAsomebodyelses"

    status, answer, said = business.connect(flow, org)

    assert status == 1
    assert answer["error"]["message"]
    assert business.token not in json.dumps(answer) + said


def test_a_batch_is_queued_in_the_order_given(flow: Commands, org: str, business: Business) -> None:
    business.connect(flow, org)
    flow("template", "sync", "--org", org)
    lines = "".join(
        json.dumps(
            {"to": f"+919000{n:06d}", "template": "hello", "language": "en", "param": [f"No {n}", "pumps"]}
        )
        + "\n"
        for n in range(1200)
    )

    status, queued, said = flow("message", "send", "--org", org, "--batch-stdin", stdin=lines)
    flow.done("whatsapp", "disconnect", "--org", org)  # nobody waits for 1,200 messages to leave

    assert status == 0, said
    assert len(set(queued["message_ids"])) == 1200
    assert queued["message_ids"] == sorted(queued["message_ids"])


def test_a_refused_message_names_its_line(flow: Commands, org: str, business: Business) -> None:
    business.connect(flow, org)
    flow("template", "sync", "--org", org)
    good = {"to": "+919000000007", "template": "hello", "language": "en", "param": ["Asha", "pumps"]}
    lines = "\n".join(json.dumps(line) for line in (good, good | {"param": ["Asha"]}))

    status, answer, _ = flow("message", "send", "--org", org, "--batch-stdin", stdin=lines)

    assert status == 1
    assert answer["error"]["message"].startswith("Line 2:")
    assert answer["error"]["detail"] == "template_parameters"


def test_named_values_fill_a_named_template(flow: Commands, org: str, stack: RunningStack) -> None:
    business = Business(stack, parameter_format="NAMED", body="Hello {{name}}, about {{product}}.")
    business.connect(flow, org)
    flow("template", "sync", "--org", org)

    status, queued, _ = flow(
        "message", "send", "--org", org, "--to", "+919000000008", "--template", "hello", "--language", "en",
        "--param", "product=Pump", "--param", "name=Asha",
    )  # fmt: skip

    assert status == 0
    assert queued["message_id"] > 0


def test_a_second_sync_too_soon_is_refused_with_the_time_it_may_run(
    flow: Commands, org: str, stack: RunningStack
) -> None:
    key = f"key-{uuid4().hex}"
    httpx.post(f"{stack.sandbox_url}/_sandbox/indiamart/keys", json={"key": key}, trust_env=False)
    flow("indiamart", "connect", "--org", org, "--key-stdin", stdin=key + "\n")

    answers = [flow("indiamart", "sync", "--org", org) for _ in range(2)]

    refused = [answer["error"] for status, answer, _ in answers if status == 1]
    assert refused
    assert {error["detail"] for error in refused} <= {"sync_too_soon", "sync_running"}
    assert refused[0]["retry_at"].endswith("Z")
    assert key not in json.dumps(answers)


def test_the_push_address_is_told_once_and_replaced_on_request(
    flow: Commands, org: str, stack: RunningStack
) -> None:
    first = flow("indiamart", "push", "--org", org)
    again = flow("indiamart", "push", "--org", org)
    rotated = flow("indiamart", "push", "--org", org, "--rotate")

    assert first[1]["url"].startswith(f"{stack.workers_url}/webhooks/indiamart/")
    assert again[1]["error"]["detail"] == "push_already_set_up"
    assert rotated[1]["url"] != first[1]["url"]
    body = {"CODE": 200, "STATUS": "SUCCESS", "RESPONSE": {"UNIQUE_QUERY_ID": "1", "QUERY_TYPE": "W"}}
    assert httpx.post(first[1]["url"], json=body, trust_env=False).status_code == 401
    assert httpx.post(rotated[1]["url"], json=body, trust_env=False).status_code == 200


def test_keys_rotate_while_their_tokens_are_in_use(flow: Commands, org: str, business: Business) -> None:
    business.connect(flow, org)

    status, rotated, _ = flow("keys", "rotate")

    assert status == 0
    assert rotated["key_id"] >= 1
    assert rotated["rotated"] >= 1
    assert flow("template", "sync", "--org", org)[0] == 0


def test_replay_applies_what_waits_and_refuses_an_unknown_event(flow: Commands) -> None:
    everything = flow("replay")
    unknown = flow("replay", "999999999999")

    assert everything[0] == 0
    assert {"events", "applied", "dead"} <= set(everything[1])
    assert unknown[1]["error"]["detail"] == "event_unknown"


def test_migrate_finds_nothing_missing_in_a_running_stack(flow: Commands) -> None:
    assert flow("migrate")[:2] == (0, {"applied": []})


def test_an_unknown_organization_is_refused(flow: Commands) -> None:
    status, answer, _ = flow("template", "sync", "--org", str(uuid4()))

    assert status == 1
    assert answer["error"]["detail"]


def test_a_lead_of_a_later_demo_makes_the_whole_trip_too(flow: Commands) -> None:
    """Last, as IndiaMART wants some seconds between two calls."""
    make_the_trip(flow, 1)
