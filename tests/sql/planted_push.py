"""What being told on a device leaves behind: choices, news, a device, a push on its way."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_push(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put something into each table of notifications to people."""
    given = {"org": org_id, "member": member_id, "conversation": ids["conversation_id"]}
    db.execute(
        "insert into private.notification_settings"
        " select (private.notification_settings_of(%(org)s, %(member)s)).*",
        given,
    )
    db.execute(
        "insert into private.news (org_id, conversation_id, newest_at) values (%(org)s, %(conversation)s, now())",
        given,
    )
    device = db.execute(
        """
        insert into private.push_devices (org_id, user_id, name, language, endpoint_sha256, credential_id)
        values (%(org)s, %(member)s, 'Planted', 'en', extensions.digest(%(org)s::text, 'sha256'),
                private.put_credential(%(org)s, 'push_device',
                  jsonb_build_object('endpoint', 'https://fcm.googleapis.com/' || %(org)s::text)::text)) returning id
        """,
        given,
    ).fetchone()[0]  # type: ignore[index]
    db.execute(
        "insert into private.pushes (org_id, device_id, kind, topic, next_at, expires_at)"
        " values (%s, %s, 'test', 'test', 'infinity', 'infinity')",
        [org_id, device],
    )
    return {"device_id": device}
