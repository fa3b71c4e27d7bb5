"""What is true: the tables, the transaction, and pure rules about them. No network, no Flask, no Celery."""
