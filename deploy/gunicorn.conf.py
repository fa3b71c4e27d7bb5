"""The web server: `gunicorn --config deploy/gunicorn.conf.py "api.app:create_app()"`.

Threads rather than bare processes, because a request waits for PostgreSQL far longer than it computes. The
application is not preloaded: each worker makes its own database engine after the fork. More processes or
another address are given on the command line (`--workers`, `--bind`), which wins over this file.
"""

from settings import get_settings  # gunicorn puts the working directory on the path before it reads this

_address = get_settings().listen_address
bind = f"[{_address}]:{get_settings().port}" if ":" in _address else f"{_address}:{get_settings().port}"
worker_class = "api.server.JsonWorker"  # gunicorn's gthread; what it refuses is answered in JSON too
workers = 2
threads = 16

# Longer than the idle time after which common balancers drop a connection, so that they drop it, not we.
keepalive = 75
timeout = 30
# Requests in progress at a stop are finished; the supervisor allows four seconds in all.
graceful_timeout = 3
max_requests = 0

# The application writes its own line per request, without the query string.
accesslog = None
errorlog = "-"
loglevel = "info"

# Two copies on one machine would compete for the control socket, and nothing here uses it.
control_socket_disable = True
