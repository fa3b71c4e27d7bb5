"""The catalogue of commands: for each kind its queue, its retry schedule and what an attempt is, as data.

A kind is declared here and nowhere else. `celeryconfig.py` makes the queues, the routes and the list of modules to load
from it, `tasks/send_mail.py` a task for each mail, the console its words; the tasks read their schedules here.
"""

from dataclasses import dataclass
from random import uniform
from typing import NamedTuple

from models.command_states import BEGIN, BEGIN_SENDING, Edge
from models.mail_facts import Role

MINUTE = 60
HOUR = 60 * MINUTE

CLOCKS_QUEUE = "clocks"
MAIL_QUEUE = "mail"

ROOM = {CLOCKS_QUEUE: 2_000, MAIL_QUEUE: 128}
"""Messages of a queue that may be under way. What waits beyond that waits in the table, oldest first.

Of mails, enough to wake every thread of a few workers: these go on with what waits in the table, because a message
costs them more than a mail does (`tasks/send_mail.py`).
"""


CLOCKS_AT_ONCE = 20
"""Commands that one message to the clocks does, in one transaction: it holds their rows and photographers for some 20
ms then."""


class Priorities(NamedTuple):
    """What a message's priority is: first attempts go before repeats."""

    first: int
    repeat: int


PRIORITIES_ON_REDIS = Priorities(first=0, repeat=9)
"""There the smallest number goes first."""

PRIORITIES_ON_RABBITMQ = Priorities(first=5, repeat=0)
"""There quorum queues tell normal (to 4) from high (from 5), since RabbitMQ 4; older ones do not look."""

MAIL_PROVIDER = "mandrill"
"""The name of the gate that all mails pass (`models/provider_gate.py`)."""

MAIL_DELAYS_S = (
    *(2, 5, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE),
    *(HOUR,) * 46,
)
"""Waits after a mail was surely not accepted: quick while people look at the screen, then for two days."""

RECIPIENT_TRIES = 12
"""A recipient who cannot be reached for now (a full mailbox) is tried so often, hours apart: for two days."""

CRASH_DELAYS_S = (1, 5, 30, 5 * MINUTE, 30 * MINUTE)
"""Waits after our own code or database failed with nothing done. A defect does not mend itself: a few tries."""

INQUIRY_PATIENCE = 15
"""A mail in doubt is shown to people after this many grace periods (`UNKNOWN_GRACE_S`); asking goes on."""

ASKED_FOR_S = 6 * 24 * HOUR
"""So long a mail in doubt is asked about: the provider's search reaches seven days back. How old a doubt is says
nothing about how often the provider could be asked, so age alone ends it only where no answer can come."""

MISSES_WITH_WITNESS = 2
"""How often the provider must say that it has nothing before a mail in doubt is sent again, when its search shows a
mail of ours that was sent *later*: then its index has caught up, and absence is proof."""

MISS_PAUSES = (1, 5)
"""Grace periods to wait after each time that it says so, while there is no later mail to go by. After one more the
mail is sent again: there is nothing else to learn, and a mail must not be lost because it was the last of a day."""

DOUBTFUL_SENDS_LIMIT = 3
"""A mail whose outcome was unknown this often is not sent again without a person."""

JITTER = 0.2
"""Delays vary by this share either way, so that a herd of failures does not return as a herd."""


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One kind of command. `edge` is how a worker claims it.

    A command is done by the task of its name in the module of its name, a mail by `tasks/send_mail.py`; it is
    written with the templates of its name, without `send-`, in `tasks/mail/templates/`.
    """

    name: str
    queue: str
    edge: Edge
    meaning: str
    provider: str | None = None
    """Whose gate it has to pass (`models/provider_gate.py`)."""
    only_to: Role | None = None
    """The only reader of such a mail; None: it tells by its facts whether it is to the client or the photographer."""
    subject: str = ""
    """How the subject of such a mail begins; the mails that tell how an appointment stands word it by that."""
    stands_alone: bool = False
    """Such a mail says something of its own. No later mail makes it superfluous, nor does it any other, and it touches
    no calendar; it goes out once the times are computed, unless the appointment is off or somebody else's by then."""

    @property
    def is_mail(self) -> bool:
        """Whether the outside world sees it."""
        return self.edge is BEGIN_SENDING

    @property
    def short_name(self) -> str:
        """`confirmation` of `send-confirmation`: how people call the mail, and its templates."""
        return self.name.removeprefix("send-")

    @property
    def module(self) -> str:
        """Where its task is."""
        return "tasks.send_mail" if self.is_mail else f"tasks.{self.name.replace('-', '_')}"


def delay_after(delays_s: tuple[int, ...], tries: int) -> float | None:
    """Seconds to wait after the given number of tries (from 1), with jitter; None when they are used up."""
    if tries > len(delays_s):
        return None
    return delays_s[tries - 1] * uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, hides nothing


RECONCILE_TIMES = CommandKind(
    "reconcile-times",
    CLOCKS_QUEUE,
    BEGIN,
    "Fill in the missing times of an appointment, then release its mails.",
)
SEND_CONFIRMATION = CommandKind(
    "send-confirmation",
    MAIL_QUEUE,
    BEGIN_SENDING,
    "Tell the order's client that the appointment is confirmed, or that the request is here.",
    MAIL_PROVIDER,
    only_to="client",
)
SEND_ASSIGNMENT = CommandKind(
    "send-assignment",
    MAIL_QUEUE,
    BEGIN_SENDING,
    "Tell the photographer where to be and when.",
    MAIL_PROVIDER,
    only_to="photographer",
)
SEND_CHANGE = CommandKind(
    "send-change",
    MAIL_QUEUE,
    BEGIN_SENDING,
    "Tell the client or the photographer, one command each, what moved: the time, the place, the photographer.",
    MAIL_PROVIDER,
)
SEND_CANCELLATION = CommandKind(
    "send-cancellation",
    MAIL_QUEUE,
    BEGIN_SENDING,
    "Tell the client or the photographer, one command each, that the appointment is off, and why.",
    MAIL_PROVIDER,
)

KINDS = {kind.name: kind for kind in tuple(globals().values()) if isinstance(kind, CommandKind)}
"""Every kind that is declared above, by name."""

SWEEP = "sweep"
"""The periodic task that finds what is due or lost; it runs in the clocks queue, which never waits long."""
SWEEP_EVERY_S = 5.0

ARCHIVE = "archive"
"""The periodic task that moves commands that were done days ago out of the hot table."""
ARCHIVE_EVERY_S = 3600.0
