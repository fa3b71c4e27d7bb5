"""A bad morning in a photo studio: the records that the pages are full of when one looks at them.

Everything goes the way of the product (requests, workers, the sandbox's answers), so that the words are those
that people will read; only what would take hours, or would disturb others, is written into the tables.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from models.moment import now
from models.passwords import hash_password
from tests.stack import Stack
from tests.waiting import eventually
from tests.world import MadeOrder

PASSWORD = "correct horse battery"
HOSTILE_NAME = "Mallory <img src=x onerror=alert(1)><script>document.title='taken'</script>"
CLIENTS = (
    *(
        "Carla Moreno",
        "Dwight Osei",
        "Hannah Weiss",
        "Imani Brooks",
        "Jonas Feld",
        "Keiko Tanaka",
        "Luis Ortega",
    ),
    *("Maya Lindqvist", "Noor Haddad", "Oscar Whitfield", "Priya Raman", "Quinn Barker", "Rosa Delgado"),
    *("Samuel Adeyemi", "Tess van Dijk", "Umberto Conti", "Vera Novak", "Wendell Pryce", "Ximena Rojas"),
    *("Yusuf Demir", "Zoe Hartmann"),
)
PLACES = (
    ("America/Denver", "1420 Larimer Street, Denver, CO 80202"),
    ("America/New_York", "5 Broadway, New York, NY 10004"),
    ("America/Los_Angeles", "88 Mission Street, San Francisco, CA 94105"),
    ("America/Phoenix", "3300 North Central Avenue, Phoenix, AZ 85012"),
    ("America/Chicago", "211 West Wacker Drive, Chicago, IL 60606"),
)
SHOOTS = (
    "Interior and exterior photos",
    "Twilight exterior",
    "Drone and floor plan",
    "Listing photos, 4 bedrooms",
)
FAILURES = (
    *(("rejected=hard-bounce", 7), ("rejected=unsub", 5), ("rejected=recipient-domain-mismatch", 6)),
    *(("invalid", 4), ("rejected=spam", 4)),
)
"""What the provider answers, and how often. None of it is a fault of the provider's own, which would hold up others."""


@dataclass
class Scene:
    """Who works here, and the ids of what to look at."""

    email: str
    name: str
    photographer_id: int = 0
    notifications: dict[str, list[int]] = field(default_factory=dict)
    """By the cause that the list shows."""
    appointments: dict[str, int] = field(default_factory=dict)
    incident_id: int = 0
    command_id: int = 0

    def first(self, cause: str) -> int:
        """A notification of this cause."""
        return self.notifications[cause][0]


def make_employee(stack: Stack, name: str = "Emma Employee") -> str:
    """An employee who can log in with `PASSWORD`; the address."""
    employee = stack.world.employee(name=name)
    stack.world.execute(
        "UPDATE users SET password_hash = :hash WHERE id = :id", hash=hash_password(PASSWORD), id=employee.id
    )
    return employee.email


def fail_mails(stack: Stack, fault: str, clients: list[tuple[str, str]], **params: object) -> list[int]:
    """Appointments of these clients (name, address), whose confirmation fails once; the notifications' ids."""
    made = []
    for number, (name, email) in enumerate(clients):
        stack.order_fault(fault, to=email)
        made.append(create(stack, order_of(stack, name, email, number), number, **params))
    return [notification_of(stack, appointment_id) for appointment_id in made]


def order_of(stack: Stack, name: str, email: str, number: int = 0) -> MadeOrder:
    """An order of a client, somewhere."""
    zone, address = PLACES[number % len(PLACES)]
    client_id = stack.world.client(email=email, name=name)
    return stack.world.order(zone=zone, address=address, client_id=client_id)


def create(stack: Stack, order: MadeOrder, number: int = 0, **params: object) -> int:
    """Create an appointment on one of the next days, and give its id."""
    day = now() + timedelta(days=1 + number % 5)
    given = {
        "order_id": order.id,
        "date_start_local": f"{day:%Y-%m-%d}",
        "time_start_local": f"{9 + number % 7:02}:30:00",
        "time_duration": "1:30",
        "confirmed": True,
        "summary": SHOOTS[number % len(SHOOTS)],
        **params,
    }
    reply = stack.client().create(given)
    assert reply.code == 200, reply.body
    return int(reply.appointment["id"])


def notification_of(stack: Stack, appointment_id: int) -> int:
    """The id of the notification about an appointment, once it is there."""
    return int(
        eventually(
            lambda: stack.world.notifications(appointment_id),
            within_s=20,
            what=f"a notification of appointment {appointment_id}",
        )[0]["id"]
    )


def make_scene(stack: Stack) -> Scene:
    """Thirty-some notifications of seven causes, an incident, a double booking, a crash, and what went well."""
    world = stack.world
    scene = Scene(make_employee(stack, "Robin Okafor"), "Robin Okafor")
    crew = [world.photographer(name=name, email=None) for name in ("Ana Petrov", "Ben Castillo", "Chidi Obi")]
    scene.photographer_id = crew[0].id

    waiting: list[tuple[str, int]] = []
    number = 0
    for fault, many in FAILURES:
        for _ in range(many):
            name = CLIENTS[number % len(CLIENTS)]
            email = f"{name.lower().replace(' ', '.')}.{number}@homes.example"
            stack.order_fault(fault, to=email)
            order = order_of(stack, name, email, number)
            photographer = crew[number % 3].id if number % 4 else None
            waiting.append((fault, create(stack, order, number, photographer_user_id=photographer)))
            number += 1
    scene.appointments["hostile"] = create(stack, order_of(stack, HOSTILE_NAME, "mallory@homes.example"), 2)
    scene.appointments["cancelled"] = create(
        stack, order_of(stack, "Vera Novak", "vera@homes.example", 3), 3, cancelled=True
    )
    scene.appointments["requested"] = create(
        stack, order_of(stack, "Luis Ortega", "luis@homes.example", 4), 4, confirmed=False, allday=True
    )
    twice = [
        create(stack, order_of(stack, name, f"twice{at}@homes.example"), 1, photographer_user_id=crew[1].id)
        for at, name in enumerate(("Yusuf Demir", "Zoe Hartmann"))
    ]
    scene.appointments["double booked"] = twice[1]

    for fault, appointment_id in waiting:
        found = notification_of(stack, appointment_id)
        cause = world.row("SELECT cause FROM notifications WHERE id = :id", id=found)["cause"]
        scene.notifications.setdefault(cause, []).append(found)
        scene.appointments.setdefault(fault, appointment_id)
    booked = eventually(
        lambda: world.rows(
            "SELECT id FROM notifications WHERE status = 'photographer-double-booked'"
            " AND appointment_id = ANY(:ids)",
            ids=twice,
        ),
        what="the double booking is told",
    )
    scene.notifications["overlap"] = [row["id"] for row in booked]
    stack.wait_for_commands(scene.appointments["hostile"])
    _write_what_takes_hours(stack, scene)
    return scene


def _write_what_takes_hours(stack: Stack, scene: Scene) -> None:
    world = stack.world
    members = scene.notifications["recipient-domain-mismatch"]
    scene.incident_id = world.insert(
        "INSERT INTO notifications (status, severity, subject_key, cause, cause_key, message, hint, mail_kind,"
        " occurrences) VALUES ('mail-incident', 'critical', :key, 'recipient-domain-mismatch', :key,"
        " 'Many mails failed for one reason within five minutes: send-confirmation, recipient-domain-mismatch.',"
        " 'Mend the cause, then resend this incident: that sends everything that hangs on it.',"
        " 'send-confirmation', :many) RETURNING id",
        key=f"incident:scene-{members[0]}",
        many=len(members),
    )
    world.execute(
        "UPDATE notifications SET incident_id = :incident WHERE id = ANY(:ids)",
        incident=scene.incident_id,
        ids=members,
    )
    doubtful = scene.notifications["invalid"][-1]
    world.execute(
        "UPDATE notifications SET may_have_been_sent = true, cause = 'read-timeout', cause_key = 'read-timeout/x',"
        " message = 'Mandrill did not answer in time, and does not find the mail since.', failure_class = 'unknown',"
        " hint = 'Look the address up in Mandrill’s activity log; resolve this if it is there, else send it again.'"
        " WHERE id = :id",
        id=doubtful,
    )
    world.execute(
        "UPDATE commands SET state = 'unknown', available_at = '9000-01-01', doubts = 9"
        " WHERE id = (SELECT command_id FROM notifications WHERE id = :id)",
        id=doubtful,
    )
    scene.notifications["invalid"].remove(doubtful)
    scene.notifications["read-timeout"] = [doubtful]
    world.execute(
        "UPDATE emails SET attempts = CAST(:tries AS jsonb) || attempts WHERE command_id ="
        " (SELECT command_id FROM notifications WHERE id = :id)",
        id=scene.first("hard-bounce"),
        tries='[{"at": "2026-11-22T15:00:00+00:00", "outcome": "not-accepted", "cause": "ServiceUnavailable",'
        ' "http_status": 503, "detail": "Mandrill is being maintained."}]',
    )
    scene.command_id = world.commands(scene.appointments["rejected=hard-bounce"])["send-confirmation"]["id"]
    crashed = world.commands(scene.appointments["requested"])["reconcile-times"]["id"]
    scene.notifications["reconcile-times:UndefinedColumn"] = [
        world.insert(
            "INSERT INTO notifications (status, severity, subject_key, cause, message, hint, appointment_id,"
            " command_id, attempts, request_id, sentry_event_id) VALUES ('command-failed', 'critical', :key,"
            " 'reconcile-times:UndefinedColumn', 'The command reconcile-times crashed 8 times and was given up.',"
            " 'Look for its request id in the logs or in Sentry; mend the cause, then send it again.', :appointment,"
            " :command, 8, 'a-request-of-the-scene', 'c2d3a1f0') RETURNING id",
            key=f"crash:scene-{crashed}",
            appointment=scene.appointments["requested"],
            command=crashed,
        )
    ]
    for place, ids in enumerate(scene.notifications.values()):
        for step, number in enumerate(ids):
            world.execute(
                "UPDATE notifications SET last_at = last_at - make_interval(secs => :age),"
                " first_at = first_at - make_interval(secs => :age) WHERE id = :id",
                age=(place * 23 + step * 7) * 60,
                id=number,
            )
