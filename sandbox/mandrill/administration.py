"""What tests and people may order: faults, behaviour, a clearing; and whether the process is well."""

from tornado.web import HTTPError

from sandbox.mandrill.faults import (
    KINDS,
    MATCHES,
    QUEUED_REASONS,
    REJECT_REASONS,
    UnknownFaultError,
    parse_fault,
)
from sandbox.mandrill.options import BehaviourError
from sandbox.mandrill.pages import BadRequestError, PageHandler

_KNOWN_REASONS = {"rejected": REJECT_REASONS, "late-reject": REJECT_REASONS, "queued": QUEUED_REASONS}


class Clear(PageHandler):
    """``POST /admin/clear``: mails, attempts, events, orders of faults, changes of behaviour."""

    def post(self) -> None:
        result = self.parts.clear()
        if "text/html" in self.request.headers.get("Accept", ""):
            self.redirect("/", status=303)
        else:
            self.json(result)


class Faults(PageHandler):
    """``/admin/faults``: GET lists them, POST orders one, DELETE withdraws all orders."""

    def get(self) -> None:
        faults = {
            name: {"recorded": kind.recorded, "says": kind.says, "value": kind.value}
            for name, kind in KINDS.items()
        }
        orders = [order.to_json() for order in self.parts.faults.orders]
        self.json({"orders": orders, "faults": faults, "reasons": _KNOWN_REASONS})

    def post(self) -> None:
        try:
            order = self.given()
            if not isinstance(order.get("fault"), str):
                raise BadRequestError(
                    'Please give an object such as {"fault": "503", "count": 2, "match": {"to": "…"}}.'
                )
            fault = parse_fault(order["fault"])
        except (BadRequestError, UnknownFaultError) as error:
            return self.refuse(str(error))
        count, match = order.get("count", 1), order.get("match") or {}
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1_000_000:
            return self.refuse("count is how many requests shall meet the fault: a number from 1 to 1000000.")
        if not isinstance(match, dict) or not set(match) <= set(MATCHES):
            return self.refuse(f"match is an object with any of: {', '.join(MATCHES)}.")
        made = self.parts.faults.order(fault, count, {name: str(value) for name, value in match.items()})
        return self.json({**made.to_json(), "recorded": fault.recorded, "says": KINDS[fault.name].says}, 201)

    def delete(self) -> None:
        self.parts.faults.clear()
        self.json({"orders": []})


class BehaviourJson(PageHandler):
    """``/admin/behaviour``: GET shows it, POST changes some of it, DELETE takes back what was given at start."""

    def get(self) -> None:
        self.json(self.parts.behaviour)

    def post(self) -> None:
        conduct = self.parts.conduct
        try:
            conduct.now = conduct.now.changed(self.given())
        except (BadRequestError, BehaviourError) as error:
            return self.refuse(str(error))
        return self.json(conduct.now)

    def delete(self) -> None:
        self.parts.conduct.now = self.parts.conduct.start
        self.json(self.parts.behaviour)


class Health(PageHandler):
    """``/healthz``"""

    def get(self) -> None:
        self.json({"status": "ok"})


class Missing(PageHandler):
    """Every other address."""

    def prepare(self) -> None:
        raise HTTPError(404)
