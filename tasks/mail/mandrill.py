"""The Mandrill client: `send`, `find` and `ping`, each one HTTP call that ends in time.

Nothing is retried here. A caller retries by the outcome it gets, because only it knows the mail's history,
and asks `find` before it sends again what may have been taken (mail.md section 1, "Retry classes").

The key goes into a request at serialisation and nowhere else: not into `repr`, exceptions, logs or pickles,
and it is blotted out of answers that repeat it.
"""

import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NoReturn

from pydantic import SecretStr
from pydantic_core import to_json

from models.moment import now
from tasks.mail.addresses import Mailbox
from tasks.mail.answers import error_outcome, outcome_of_failure, outcome_of_reply, parsed
from tasks.mail.compose import Mail
from tasks.mail.destination import check_destination
from tasks.mail.outcomes import Accepted, CannotTell, Found, Held, NotFound, Outcome
from tasks.mail.transport import Failure, Limits, Reply, Transport

METADATA_LIMIT = 200
"""Bytes of JSON that Mandrill stores with a message."""
SEARCH_DAYS = 7
_PLAIN_TERM = re.compile(r"[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*")


class MandrillError(Exception):
    """Mandrill cannot be used now. `args` is one sentence, so that it survives pickling."""


class MandrillUnreachableError(MandrillError):
    """Nothing usable answered: network, name, certificate, or not Mandrill at all."""


class MandrillKeyError(MandrillError):
    """Mandrill answered and does not take the key."""


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """Why a question to the provider has no answer."""

    reason: str


class MandrillClient:
    """One account at one address. Make one per process and share it between threads.

    Connections are opened on first use and belong to the process that opened them: after a fork, the child
    opens its own.
    """

    def __init__(
        self, url: str, key: SecretStr, *, limits: Limits | None = None, pool_size: int = 32
    ) -> None:
        """Take the API root, like `https://mandrillapp.com/api/1.0`, and the key.

        Raises:
            DestinationError: URL and key do not belong together (see `destination`).
        """
        check_destination(url, key)
        self._root = url.rstrip("/")
        self._key = key
        self._limits = limits or Limits()
        self._pool_size = pool_size
        self._transports: dict[int, Transport] = {}

    def __repr__(self) -> str:
        return f"MandrillClient({self._root!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A MandrillClient holds a key and open connections; it cannot be pickled or copied.")

    def send(
        self,
        mail: Mail,
        *,
        send_id: str,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, str | int] | None = None,
        not_after: float | None = None,
    ) -> Outcome:
        """Hand one mail over, to the recipient and all copies in one message. Takes `Limits.total_s` at most.

        Args:
            mail: as `compose` made it.
            send_id: identifies the mail across all tries; `find` looks for it and webhooks carry it.
            tags: default: the mail's kind.
            metadata: added to `send_id`; default: the appointment's id and the mail's kind.
            not_after: moment of `time.monotonic` after which nothing of the mail may be written any more.

        Raises:
            ValueError: metadata over 200 bytes, or a tag that Mandrill refuses. These are mistakes in the
                program; nothing that Mandrill or the network does raises.
        """
        tags = [mail.kind] if tags is None else list(tags)
        if metadata is None:
            metadata = {"appointment_id": mail.appointment_id, "kind": mail.kind}
        labels = {**metadata, "send_id": send_id}
        _check_labels(tags, labels)
        arguments: dict[str, object] = {"message": _message(mail, tags, labels), "async": False}
        answer = self._post("messages/send", arguments, not_after=not_after)
        if isinstance(answer, Failure):
            return outcome_of_failure(answer)
        sent_to = [mailbox.email for mailbox in (mail.to, *mail.cc)]
        outcome = outcome_of_reply(answer, sent_to, now=now())
        return _with_dropped_copies(outcome, mail.dropped_copies)

    def find(self, send_id: str, *, email: str | None = None) -> Found | NotFound | CannotTell:
        """Whether Mandrill has a message with this `send_id`, sent within the last seven days.

        Mandrill finds metadata only in fields that are registered in the account, 20 searches a minute are
        allowed, and the index lags by an unknown time. So an empty result is confirmed by asking whether the
        field is registered, and is `CannotTell` when it is not.

        Args:
            email: the recipient whose message is preferred; a mail with copies is several messages.
        """
        today = now().date()
        answer = self._ask(
            "messages/search",
            {
                "query": f"u_send_id:{_search_term(send_id)}",
                "date_from": (today - timedelta(days=SEARCH_DAYS)).isoformat(),
                "date_to": (today + timedelta(days=1)).isoformat(),
                "limit": 100,
            },
        )
        if isinstance(answer, _Unanswered):
            return CannotTell(answer.reason)
        if not isinstance(answer, list) or not all(isinstance(entry, dict) for entry in answer):
            return CannotTell("Mandrill's answer to the search is not a list of messages.")
        found = [entry for entry in answer if _carries(entry, send_id)]
        if found:
            wanted = [entry for entry in found if _same_address(entry.get("email"), email)]
            best = (wanted or found)[0]
            return Found(str(best["_id"]), str(best.get("state") or "unknown"))
        if any("metadata" not in entry for entry in answer):
            return CannotTell("Mandrill's search shows no metadata, so its results cannot be told apart.")
        return self.check_search()

    def ping(self) -> None:
        """Check network and key with one cheap call.

        Raises:
            MandrillKeyError: the key is not accepted.
            MandrillUnreachableError: anything else than the expected answer.
        """
        reply = self._post("users/ping2", {})
        if isinstance(reply, Failure):
            raise MandrillUnreachableError(f"Mandrill cannot be reached: {reply.message}")
        data = parsed(reply.body)
        error = error_outcome(reply, data, now=now())
        if error is not None and error.cause == "Invalid_Key":
            raise MandrillKeyError("Mandrill does not accept MANDRILL_API_KEY.")
        if error is not None:
            raise MandrillUnreachableError(f"Mandrill answered {error.cause}: {error.message}")
        if not isinstance(data, dict) or data.get("PING") != "PONG!":
            raise MandrillUnreachableError("What answers at MANDRILL_URL is not Mandrill.")

    def check_search(self) -> NotFound | CannotTell:
        """Whether an empty search by `send_id` proves anything in this account: `NotFound` if it does."""
        fields = self._ask("metadata/list", {})
        if isinstance(fields, _Unanswered):
            # A stand-in without this call has no registration either: there its search is complete.
            return NotFound() if fields.reason.startswith(_NO_SUCH_CALL) else CannotTell(fields.reason)
        names = (
            {entry.get("name") for entry in fields if isinstance(entry, dict)}
            if isinstance(fields, list)
            else ()
        )
        if "send_id" in names:
            return NotFound()
        return CannotTell(
            "Mandrill cannot search for send_id: register it as a metadata field in the account's settings.",
            needs_setup=True,
        )

    def _ask(self, call: str, arguments: dict[str, object]) -> Any | _Unanswered:
        """A call that changes nothing: its JSON value, or why there is none."""
        reply = self._post(call, arguments)
        if isinstance(reply, Failure):
            return _Unanswered(reply.message)
        data = parsed(reply.body)
        error = error_outcome(reply, data, now=now())
        if error is None:
            return data
        if reply.status in (404, 405) or error.cause == "Unknown_Method":
            return _Unanswered(f"{_NO_SUCH_CALL} {call}.")
        return _Unanswered(f"{error.cause}: {error.message}")

    def _post(
        self, call: str, arguments: dict[str, object], *, not_after: float | None = None
    ) -> Reply | Failure:
        key = to_json(self._key.get_secret_value())
        rest = to_json(arguments)
        body = b'{"key":' + key + (b"," if len(rest) > 2 else b"") + rest[1:]
        answer = self._transport().post(f"{self._root}/{call}.json", body, not_after=not_after)
        if isinstance(answer, Reply) and key[1:-1] in answer.body:
            return Reply(answer.status, answer.body.replace(key[1:-1], b"[key]"), answer.retry_after)
        return answer

    def _transport(self) -> Transport:
        pid = os.getpid()
        transport = self._transports.get(pid)
        if transport is None:
            # setdefault is atomic: of two threads that come here at once, one Transport is kept, unused ones
            # go.
            transport = self._transports.setdefault(pid, Transport(self._limits, self._pool_size))
            for other in [known for known in self._transports if known != pid]:
                self._transports.pop(other, None)
        return transport


_NO_SUCH_CALL = "This Mandrill has no call"


def _message(mail: Mail, tags: Sequence[str], labels: Mapping[str, str | int]) -> dict[str, object]:
    """The `message` of messages/send. Everything that would rewrite or watch the mail is off."""
    message: dict[str, object] = {
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "from_email": mail.sender.email,
        "from_name": mail.sender.name,
        "to": [_recipient(mail.to, "to"), *(_recipient(copy, "cc") for copy in mail.cc)],
        # The copies are meant to be seen, in one message.
        "preserve_recipients": True,
        # User text may hold *|merge tags|*; off, they stay text.
        "merge": False,
        "track_opens": False,
        "track_clicks": False,
        "auto_text": False,
        "auto_html": False,
        "inline_css": False,
        # Descriptions may hold gate codes: nothing of the text in the provider's activity log.
        "view_content_link": False,
        "tags": list(tags),
        "metadata": dict(labels),
    }
    if mail.attachments:
        # Mandrill then takes the mail without looking at it, and answers `queued` (mail.md section 1).
        message["attachments"] = [
            {
                "type": attachment.content_type,
                "name": attachment.name,
                "content": b64encode(attachment.content).decode("ascii"),
            }
            for attachment in mail.attachments
        ]
    return message


def _recipient(mailbox: Mailbox, kind: str) -> dict[str, str]:
    recipient = {"email": mailbox.email, "type": kind}
    if mailbox.name:
        recipient["name"] = mailbox.name
    return recipient


def _check_labels(tags: Sequence[str], labels: Mapping[str, str | int]) -> None:
    for tag in tags:
        if not tag or len(tag) > 50 or tag.startswith("_"):
            raise ValueError(
                f"Mandrill takes tags of 1 to 50 characters that do not start with _, not {tag!r}."
            )
    size = len(to_json(dict(labels)))
    if size > METADATA_LIMIT:
        raise ValueError(f"The metadata is {size} bytes of JSON; Mandrill keeps {METADATA_LIMIT}.")


def _with_dropped_copies(outcome: Outcome, dropped: tuple[tuple[str, str], ...]) -> Outcome:
    """Copies that were never sent are refused copies, too."""
    if dropped and isinstance(outcome, Accepted | Held):
        return replace(outcome, refused_copies=dropped + outcome.refused_copies)
    return outcome


def _search_term(value: str) -> str:
    """A value for Mandrill's Lucene query; quoted when it is not one plain word."""
    if _PLAIN_TERM.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _carries(entry: dict[str, Any], send_id: str) -> bool:
    metadata = entry.get("metadata")
    return isinstance(metadata, dict) and metadata.get("send_id") == send_id and bool(entry.get("_id"))


def _same_address(one: object, other: str | None) -> bool:
    return isinstance(one, str) and other is not None and one.casefold() == other.casefold()
