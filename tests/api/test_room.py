"""The pure half of the front door stands alone: no web framework, no database, no queue, no zone data."""

import subprocess
import sys

PURE = "api.appointment_params, api.body, api.decoding, api.faults, api.params, api.readers, api.statuses"
FOREIGN = {
    "flask",
    "werkzeug",
    "sqlalchemy",
    "psycopg",
    "celery",
    "kombu",
    "timezonefinder",
    "zipcodes",
    "settings",
}


def test_the_pure_modules_load_nothing_of_the_outside_world():
    script = f"import sys, {PURE}; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not FOREIGN & set(loaded.split())
