"""What letting Flow's support in leaves behind."""

from uuid import UUID, uuid4

from tests.database import Database


def plant_trust(db: Database, org_id: UUID, member_id: UUID) -> None:
    """A grant that was ended, and a visit within it."""
    db.execute(
        """
        with g as (insert into public.support_grants (org_id, reason, granted_by, expires_at, ended_at)
                   values (%s, 'Planted', %s, now() + interval '1 hour', now()) returning org_id, id)
        insert into public.support_visits (org_id, grant_id, user_id, ends_at)
        select org_id, id, %s, now() + interval '1 hour' from g
        """,
        [org_id, member_id, uuid4()],
    )
