"""Measurements of the product, made so that they can be compared: `make bench`.

What is measured always runs beside a yardstick in the same minute, under the same server, with the same body:
absolute figures drift with the machine, ratios hold. Nothing here asserts a time; errors fail the run.

The room's law: it starts the product the way an operator does (Procfile, `alembic upgrade head`), talks to it
over HTTP, and is imported by nothing.
"""
