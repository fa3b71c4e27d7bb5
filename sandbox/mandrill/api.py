"""The calls under ``/api/1.x/``: which there are, and how a request meets its fault and gets its answer.

Always POST with JSON, the key in the body. Errors have Mandrill's form whatever goes wrong.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic_core import to_json
from tornado.web import RequestHandler

from sandbox.mandrill import account_calls, conduct, message_calls
from sandbox.mandrill.faults import ENTRY_FAULTS, SENDING_CALLS, Fault, fault_in_key
from sandbox.mandrill.parts import Parts
from sandbox.mandrill.replies import Reply, refusal_of, reply_of_fault
from sandbox.mandrill.sending import accept
from sandbox.mandrill.wire import WireError, error_body, invalid, read_request

Call = Callable[[Parts, Mapping[str, Any]], object | Awaitable[object]]

CALLS: dict[str, Call] = {
    "users/ping": account_calls.users_ping,
    "users/ping2": account_calls.users_ping2,
    "users/info": account_calls.users_info,
    "messages/info": message_calls.messages_info,
    "messages/content": message_calls.messages_content,
    "messages/search": message_calls.messages_search,
    "metadata/list": account_calls.metadata_list,
    "metadata/add": account_calls.metadata_add,
    "metadata/delete": account_calls.metadata_delete,
    "templates/add": account_calls.templates_add,
    "templates/info": account_calls.templates_info,
    "templates/update": account_calls.templates_update,
    "templates/publish": account_calls.templates_publish,
    "templates/list": account_calls.templates_list,
    "templates/delete": account_calls.templates_delete,
    "webhooks/add": account_calls.webhooks_add,
    "webhooks/list": account_calls.webhooks_list,
    "webhooks/info": account_calls.webhooks_info,
    "webhooks/delete": account_calls.webhooks_delete,
}
"""All calls but `SENDING_CALLS`."""


class ApiHandler(RequestHandler):
    """One call. ``parts`` is given by the routes."""

    parts: Parts

    def initialize(self, parts: Parts) -> None:
        self.parts = parts

    def compute_etag(self) -> None:
        """No ETag: nobody revalidates an API's answer, and a hash of every body costs time."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Also what nobody foresaw is answered in Mandrill's form."""
        self._answer(Reply(status_code, error_body(-1, "GeneralError", "The sandbox failed; see its output")))

    async def post(self, call: str) -> None:
        try:
            if call in SENDING_CALLS:
                verdict = accept(self.parts, call, self.request.body)
                reply, fault = verdict.reply, verdict.fault
            else:
                request = read_request(self.request.body)
                fault = self._fault_of(call, request)
                # As with a mail: what a fault accepts is done before the client suffers from it.
                done = fault is None or fault.recorded
                reply = await self._reply(call, request) if done else Reply(200, b"")
        except WireError as error:
            self._answer(refusal_of(error, legacy=self.parts.behaviour.legacy_status))
            return
        if fault is None:
            self._answer(reply)
        else:
            await self._meet(fault, reply)

    async def get(self, call: str) -> None:  # noqa: ARG002 - the route's group
        error = invalid("Please call the API with POST and a JSON body")
        self._answer(refusal_of(error, legacy=self.parts.behaviour.legacy_status))

    head = put = delete = patch = get

    def _fault_of(self, call: str, request: Mapping[str, Any]) -> Fault | None:
        """Of a call that does not send: what is ordered for it, or a key that is never accepted."""
        fault = self.parts.faults.ordered(call)
        if fault is None and (asked := fault_in_key(request["key"])) is not None and asked.name == "401":
            fault = asked
        return None if fault is None or fault.name in (*ENTRY_FAULTS, "200-short") else fault

    async def _reply(self, call: str, request: Mapping[str, Any]) -> Reply:
        """Raises `WireError`."""
        function = CALLS.get(call)
        if function is None:
            raise WireError(404, -1, "Unknown_Method", f"The sandbox has no call {call}")
        answer = function(self.parts, request)
        return Reply(200, to_json(await answer if inspect.isawaitable(answer) else answer))

    def _answer(self, reply: Reply) -> None:
        self.set_status(reply.http_status)
        if reply.content_type is None:
            self.clear_header("Content-Type")
        else:
            self.set_header("Content-Type", reply.content_type)
        if reply.retry_after_s is not None:
            self.set_header("Retry-After", str(reply.retry_after_s))
        self.finish(reply.body)

    async def _meet(self, fault: Fault, reply: Reply) -> None:
        """Everything a fault can do instead of answering. ``reply`` is what would have been said."""
        usual = reply_of_fault(fault, legacy=self.parts.behaviour.legacy_status)
        if usual is not None:
            self._answer(usual)
            return
        pause = self.parts.silence
        if fault.name == "slow":
            await pause.keep(fault.number / 1000)
            self._answer(reply)
            return
        stream = self.detach()
        match fault.name:
            case "refuse":
                stream.close()
            case "timeout-before" | "timeout-after":
                await conduct.silence(stream, pause)
            case "reset-after":
                conduct.reset(stream)
            case "partial":
                await conduct.partial(stream, reply.body)
            case "drip":
                await conduct.drip(stream, reply.body, pause, fault.number)
