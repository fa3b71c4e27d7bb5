"""What a test says before it fills or empties tables as no request does: on a busy machine that takes its time."""

UNHURRIED = "SET LOCAL statement_timeout = 0; SET LOCAL session_replication_role = replica"
"""Within a transaction. PostgreSQL does not look then for what each single row refers to, which is most of the work."""
