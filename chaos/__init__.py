"""The chaos run: the whole product under load while its processes and servers are killed: `make chaos`.

    __main__   the run from start to verdict
    world      the processes: started, hurt, started again, ended
    faults     what may happen, how often, decided by a seed
    load       the good client, a process of its own: a steady rate, every create repeated until it is answered
    records    what the creates refer to
    evidence   what the database and the Mandrill sandbox say afterwards
    audit      what became of every create; pure
    report     the table, the verdict, the JSON

The room's law: it starts the product the way an operator does (Procfile, `alembic upgrade head`), hurts it
from outside only, and is imported by nothing but its tests.
"""
