"""An organization's IndiaMART source, driven as the worker drives it."""

import json
from datetime import datetime, timedelta

INTERVAL = 360
LEASE = 90
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONGEST = 7 * DAY - MINUTE
OVERLAP = 15 * MINUTE

ROW = {
    "external_id": "31004500",
    "lead_type": "W",
    "received_at": "2026-11-20T04:45:00Z",
    "person": {"name": "Meenakshi", "phone": "+919000000001", "phone_kind": "mobile"},
    "raw": {"UNIQUE_QUERY_ID": "31004500"},
}
OK = {"outcome": "ok", "http_status": 200, "code": "200", "complete": True, "leads": [ROW]}
EMPTY = {"outcome": "empty", "http_status": 200, "code": "204", "complete": True}


class Source:
    """One source, and what the worker does with it."""

    def __init__(self, db, org_id, key):
        self.db, self.org_id = db, org_id
        self.id = db.value("select worker.connect_indiamart(%s, %s)", org_id, key)["source_id"]

    def claim(self, **which):
        given = {"manual": False, "org_id": self.org_id} | which
        return self.db.value(
            "select worker.claim_syncs(%s, %s, 10, %s, null, %s)",
            INTERVAL,
            LEASE,
            given["manual"],
            given["org_id"],
        )["syncs"]

    def turn(self, answer=None, **which):
        """Wait out the interval, claim, answer; give the claim and the closed run."""
        self.be_due()
        (sync,) = self.claim(**which)
        return sync, self.ingest(sync, EMPTY if answer is None else answer)

    def ingest(self, sync, answer):
        return self.db.value("select worker.ingest_leads(%s, %s)", sync["run_id"], json.dumps(answer))

    def be_due(self):
        self.set(next_allowed_at=None)

    def set(self, **columns):
        for name, value in columns.items():
            self.db.execute(f"update public.lead_sources set {name} = %s where id = %s", [value, self.id])

    def get(self, column):
        return self.db.value(f"select {column} from public.lead_sources where id = %s", self.id)

    @property
    def covered(self):
        return self.db.value(
            "select covered::text from private.source_coverage where source_id = %s", self.id
        )

    def refusal(self):
        return self.db.refusal(
            "select worker.claim_syncs(%s, %s, 10, true, null, %s)", INTERVAL, LEASE, self.org_id
        )


def window(sync):
    return datetime.fromisoformat(sync["window_from"]), datetime.fromisoformat(sync["window_to"])
