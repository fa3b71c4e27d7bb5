"""What the handlers share: the pieces of one running stand-in, put together."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.mandrill.account import Account
from sandbox.mandrill.conduct import Silence
from sandbox.mandrill.courier import Courier
from sandbox.mandrill.event_log import EventLog
from sandbox.mandrill.faults import FaultBook
from sandbox.mandrill.options import Behaviour, Options
from sandbox.mandrill.search_cap import SearchCap
from sandbox.mandrill.store import Store


class Conduct:
    """The behaviour now, and the one given at start that a clearing brings back."""

    def __init__(self, start: Behaviour) -> None:
        self.start = start
        self.now = start


@dataclass(frozen=True, slots=True)
class Parts:
    options: Options
    store: Store
    account: Account
    log: EventLog
    courier: Courier
    faults: FaultBook
    conduct: Conduct
    search_cap: SearchCap
    silence: Silence
    changed: Callable[[], None]
    """Called after something was recorded; wakes up those who wait at the inbox."""

    @property
    def behaviour(self) -> Behaviour:
        return self.conduct.now

    def clear(self) -> dict[str, int]:
        """Forgets mails, attempts, events, orders, changes of behaviour; keeps templates and webhooks."""
        self.faults.clear()
        self.account.reset_fields()
        self.search_cap.clear()
        self.conduct.now = self.conduct.start
        events = self.log.clear()
        mails, attempts = self.store.clear()
        self.courier.ring()
        self.changed()
        return {"messages": mails, "attempts": attempts, "events": events}
