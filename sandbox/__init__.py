"""What stands in for the outside world on one machine: PostgreSQL, Redis, a Mandrill, and their supervisor.

The room's law: it imports `settings` and nothing else of the project, and nothing that runs in production
imports it. Whatever it knows of the product it learns from the `Procfile`, from the environment and from
the command line that any operator uses (`alembic upgrade head`, `flask demo seed`).
"""
