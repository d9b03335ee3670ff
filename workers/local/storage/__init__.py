"""Stand-in for Supabase Storage (/storage/v1), for the embedded stack only.

Every "may they?" is put to Postgres: the statement itself runs as the caller's role with the caller's
claims, so the policies of the migrations decide. Bytes are kept one file for each version of an object,
named by the version: no object's name ever becomes a path. Bodies are streamed both ways.

Missing: move, copy, changing buckets (migrations do), resumable uploads, S3, list-v2, image sizes, webhooks.
"""
