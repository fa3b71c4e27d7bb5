"""`flask import`: records that other systems master, one JSON object a line, upserted by id, all or nothing.

The data flows through one module a step: `lines` (bytes to records, pure) → `lookup` (what the database has) →
`plan` (what is to be written, pure) → `writing` (the statements) → `command`. Faults of every step are
collected with their line numbers before anything is written.
"""
