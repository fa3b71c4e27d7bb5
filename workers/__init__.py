"""The processes that do the commands: Celery's workers and beat, and the relay.

The room's law: it only starts and wires. What a command does is in `tasks/`; the front door is never
imported.
"""
