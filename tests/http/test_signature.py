"""Only Meta's own signature over the very bytes counts."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from workers.meta.signature import is_signed, is_verify_token, parse_signed_request

VECTORS = json.loads((Path(__file__).parents[1] / "payloads/signature_vectors.json").read_text())["vectors"]
SECRET, BODY = b"flow_test_secret_0001", b'{"object":"x"}'
DIGEST = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in VECTORS])
def test_recorded_signature_is_judged_as_recorded(vector):
    body = base64.b64decode(vector["body_base64"])

    assert is_signed(body, vector["header"], [vector["secret"].encode()]) is vector["valid"]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("sha256=", id="without a digest"),
        pytest.param(DIGEST, id="without its prefix"),
        pytest.param(f"SHA256={DIGEST}", id="prefix in capitals"),
        pytest.param(f"sha256={DIGEST[:-1]}", id="one digit short"),
        pytest.param(f"sha256={DIGEST}0", id="one digit long"),
        pytest.param(f" sha256={DIGEST}", id="space before"),
        pytest.param(f"sha256={DIGEST}\n", id="line break after"),
        pytest.param(f"sha256={DIGEST[:-1]}é", id="not ascii"),
        pytest.param("sha256=" + "٠" * 64, id="digits of another script"),
        pytest.param(f"sha256={DIGEST},sha256={DIGEST}", id="sent twice"),
    ],
)
def test_malformed_signature_is_refused(header):
    assert not is_signed(BODY, header, [SECRET])


def test_previous_app_secret_counts_while_the_secrets_change():
    assert is_signed(BODY, f"sha256={DIGEST}", [b"the new one", SECRET])


@pytest.mark.parametrize("secrets", [[], [b""]], ids=["none", "empty"])
def test_nothing_is_signed_without_an_app_secret(secrets):
    header = "sha256=" + hmac.new(b"", BODY, hashlib.sha256).hexdigest()

    assert not is_signed(BODY, header, secrets)


@pytest.mark.parametrize("given", [None, "", "verify-mé", "verify-me2"])
def test_wrong_verify_token_is_refused(given):
    assert not is_verify_token(given, "verify-me")


def test_empty_verify_token_never_matches():
    assert not is_verify_token("", "")


def signed_request(payload: bytes, secret: bytes = SECRET) -> str:
    encoded = base64.urlsafe_b64encode(payload).rstrip(b"=")
    signature = hmac.digest(secret, encoded, hashlib.sha256)
    return (base64.urlsafe_b64encode(signature).rstrip(b"=") + b"." + encoded).decode()


PAYLOAD = json.dumps({"algorithm": "HMAC-SHA256", "user_id": "42", "issued_at": 1_700_000_000}).encode()


def test_signed_request_of_meta_is_read():
    request = parse_signed_request(signed_request(PAYLOAD), [SECRET])

    assert request is not None
    assert request.user_id == "42"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("a", id="without a dot"),
        pytest.param(signed_request(PAYLOAD, b"other"), id="another app's"),
        pytest.param(signed_request(PAYLOAD.replace(b"HMAC-SHA256", b"none")), id="without algorithm"),
        pytest.param(signed_request(b"[]"), id="not an object"),
        pytest.param(signed_request(PAYLOAD)[:-2], id="cut short"),
        pytest.param("é." + signed_request(PAYLOAD), id="not ascii"),
    ],
)
def test_forged_signed_request_is_refused(value):
    assert parse_signed_request(value, [SECRET]) is None
