"""A plugin for the pytest on the copy: the database of the settings is there, and no server is started for it."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from tests import servers


@contextmanager
def _given(**_settings: str) -> Iterator[SimpleNamespace]:
    yield SimpleNamespace(url=os.environ["DATABASE_URL"])


servers.running_postgres = _given
# The laws parse the whole tree; looking through all those nodes for garbage takes longer than that.
gc.disable()
