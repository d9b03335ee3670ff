"""P04: an Embedded Signup stores the account, the number and the token, which is encrypted."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.http.running_sandbox import RunningSandbox, running_sandbox
from tests.http.signing_up import NEW, PHONE, WABA, Onboarding


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


def test_P04_embedded_signup_stores_ids_phone_name_and_the_encrypted_token(
    sandbox: RunningSandbox, db: Database, org: Callable[..., UUID], person: Callable[..., Person]
) -> None:
    owner = person("owner")
    asha = Onboarding(sandbox, db, org(owner), owner)
    asha.share(NEW | {"verified_name": "Asha Traders"})

    asha.finish()

    stored = db.row(
        """
        select a.waba_id, n.phone_number_id, n.display_phone, n.verified_name, c.kind, c.cipher
          from public.whatsapp_accounts a
          join public.whatsapp_numbers n on (n.org_id, n.account_id) = (a.org_id, a.id)
          join private.credentials c on (c.org_id, c.id) = (a.org_id, a.credential_id)
         where a.org_id = %s
        """,
        asha.org_id,
    )
    (at_meta,) = sandbox.control.accounts()
    (token,) = at_meta["tokens"]
    assert stored[:5] == (WABA, PHONE, "+91 11400 00001", "Asha Traders", "meta_token")
    assert token.encode() not in bytes(stored[5])
    assert asha.opened(asha.stored("public.whatsapp_accounts")[0]["credential_id"]) == token
