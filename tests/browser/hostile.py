"""An organization whose every word is hostile: scripts, markup, turned directions, and far too long."""

from __future__ import annotations

import json
from uuid import UUID

import psycopg

from tests.database import Database

SCRIPT = '"><script>window.hit=1</script><img src=x onerror="window.hit=1">{{7*7}}${7*7}'
TURNED = "\u202eadnoc\u2066"
WORDS = (
    f"{SCRIPT}{TURNED} {'Longwordwithoutblanks' * 40}",
    f"{SCRIPT}{TURNED} {'Longwordwithoutblanks' * 6}",
    f"{SCRIPT[:60]}{TURNED}",
    "<b>x</b>\u202e",
)
"""From the longest down: a column takes the first that its rules allow."""

READ_BY_PROGRAMS = """
id ids key wamid token tokens sha256 path url kind kinds status state currency language
locale zone country month type way role slug code version colour mode sizes source market
entry origin direction scope scopes cursor category decision target hours outcome action
email phone fingerprint to from
"""
"""How the names of columns end that programs read, not people."""

COLUMNS = """
select c.relname, a.attname, t.typname
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid
 where n.nspname = 'public' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
   and a.attgenerated = ''
   and t.typname in ('text', 'jsonb') and a.attname !~ %s
   and exists (select from pg_attribute o where o.attrelid = c.oid and o.attname = 'org_id')
 order by 1, 2
"""

IN_JSON = (
    r'"(text|body|name|title|label|description|filename|question|product|message|words)": "([^"\\]|\\.)*"'
)
MUST = {
    ("contacts", "name"), ("contacts", "company"), ("leads", "title"), ("leads", "product"),
    ("leads", "message"), ("messages", "text"), ("tasks", "title"), ("tags", "name"), ("labels", "name"),
    ("conversation_notes", "text"), ("pipeline_stages", "name"), ("quick_replies", "body"),
    ("lead_sources", "name"),
}  # fmt: skip
"""What people certainly see."""


def make_hostile(db: Database, org_id: UUID) -> set[tuple[str, str]]:
    """Write hostile words wherever an organization's rows hold words; gives the columns that took them."""
    changed = set()
    for table, column, kind in db.rows(COLUMNS, rf"(^|_)({'|'.join(READ_BY_PROGRAMS.split())})$"):
        if kind == "text":
            ways = [
                (f"left('{column}', 3) || ctid::text || %s", words)
                for words in WORDS
            ]  # fmt: skip
        else:
            shaped = json.dumps(WORDS[1])[1:-1].replace("\\", "\\\\")
            ways = [(f"regexp_replace({column}::text, '{IN_JSON}', %s, 'g')::jsonb", f'"\\1": "{shaped}"')]
        for expression, words in ways:
            change = f"update public.{table} set {column} = {expression} where org_id = %s"
            try:
                with db.transaction():
                    done = db.execute(change, [words, org_id])
            except psycopg.OperationalError:
                raise
            except psycopg.Error:  # a rule of the column or table: then shorter, or not at all
                continue
            if done.rowcount:
                changed.add((table, column))
            break
    db.execute("update public.organizations set name = %s where id = %s", [WORDS[2], org_id])
    return changed
