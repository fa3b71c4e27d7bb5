"""What happens after the answer: the commands of an appointment, and how each is done.

The room's law: a Celery task is a thin shell around a plain function, nothing is published before commit, a
message carries a command id and nothing else, and nothing beyond `tasks/mail/` knows the mail provider's wire
format. May import `models` and `settings`; never `api` or `workers`.
"""
