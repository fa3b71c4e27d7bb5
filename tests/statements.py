"""Being there right before the product sends a statement to PostgreSQL, whichever way it sends it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from models import database
from models.prepared import Prepared


@contextmanager
def before_each_statement(tell: Callable[[Connection, str, tuple[object, ...]], None]) -> Iterator[None]:
    """Call `tell` with the connection, the text and the values, before each statement of this process."""
    rows = Prepared.rows

    def listen(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        tell(connection, statement, tuple(getattr(parameters, "values", parameters.__iter__)()))

    def tell_and_send(prepared: Prepared, connection: Connection, *values: object) -> Any:
        tell(connection, prepared.statement, values)
        return rows(prepared, connection, *values)

    engine = database.engine()
    event.listen(engine, "before_cursor_execute", listen)
    Prepared.rows = tell_and_send  # type: ignore[method-assign]
    try:
        yield
    finally:
        Prepared.rows = rows  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", listen)
