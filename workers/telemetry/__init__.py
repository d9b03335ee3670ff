"""What Flow notes of its own running, and how it gets to where it is read.

`trace` says whose work is going on, `agents`, `calls`, `runs` and `errors` describe it without anything of a
body, a query or a person's words, `writer` hands the rows to `worker.record_telemetry` in batches; `metrics`
and `sentry` tell other systems, where they are set up. Names are OpenTelemetry's where it has one, so that an
exporter can be put beside them. Nothing here ever fails a request, or makes one wait for a database.
"""
