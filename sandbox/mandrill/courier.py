"""Tells events to webhooks: in batches, signed, again after failures, and up to twenty times.

One task per webhook, so that a slow receiver delays no other. What is to be told is in the event log; the
courier only forgets what it was about to do when the process ends.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.mandrill.account import Account, Webhook
from sandbox.mandrill.event_log import EventFilter, EventLog
from sandbox.mandrill.events import STATES, automatic_events, event_body
from sandbox.mandrill.options import Behaviour
from sandbox.mandrill.receiver import post_events, receiver_client
from sandbox.mandrill.store import Store, StoredMail

MOST_TRIES = 20
LINGER_S = 0.05
"""How long the first event waits for company."""


class Courier:
    def __init__(
        self,
        store: Store,
        account: Account,
        log: EventLog,
        *,
        behaviour: Callable[[], Behaviour],
        changed: Callable[[], None],
    ) -> None:
        self.http = receiver_client()
        self._store = store
        self._account = account
        self._log = log
        self._behaviour = behaviour
        self._changed = changed
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._bells: dict[int, asyncio.Event] = {}

    def start(self) -> None:
        """Takes up what waited when the process ended, and serves webhooks that came since."""
        for identifier in self._account.webhooks:
            if identifier not in self._tasks:
                self._bells[identifier] = asyncio.Event()
                self._tasks[identifier] = asyncio.create_task(self._serve(identifier))

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.http.close()

    def ring(self, identifier: int | None = None) -> None:
        """Something about a webhook (None: any) changed, or there is something to tell it."""
        self.start()
        for known, bell in self._bells.items():
            if identifier in (None, known):
                bell.set()

    # What is to be told

    def follow_acceptance(self, mail: StoredMail) -> None:
        """The automatic events of a mail."""
        for entry in mail.entries:
            for event, reason in automatic_events(entry):
                self.emit(event, mail, entry, reason=reason)

    def emit(
        self,
        event: str,
        mail: StoredMail,
        entry: dict[str, Any],
        *,
        reason: str | None = None,
        url: str | None = None,
        diag: str | None = None,
        delay_s: float = 0.0,
        times: int = 1,
    ) -> int:
        """An event happens to a recipient of a mail: logged, and told to who asked for it. Its id."""
        now = time.time()
        body = event_body(event, mail, entry, at=now, reason=reason, url=url, diag=diag)
        identifier = self._log.add(body, at=now, send_id=mail.send_id)
        entry["state"] = STATES[event]
        if event == "reject":
            entry["rejected_for"] = body["reject"]["reason"]
        self._store.change_entries(mail.mail_id, mail.entries)
        self._schedule(identifier, event, now=now, delay_s=delay_s, times=times)
        self._changed()
        return identifier

    def replay(self, wanted: EventFilter, *, delay_s: float = 0.0, times: int = 1) -> list[int]:
        """Tells these events once more, in their order, as they were. Their ids."""
        now = time.time()
        events = self._log.events(wanted, limit=-1)[::-1]
        for each in events:
            self._schedule(each.id, each.event, now=now, delay_s=delay_s, times=times)
        self._changed()
        return [each.id for each in events]

    def _schedule(self, identifier: int, event: str, *, now: float, delay_s: float, times: int) -> None:
        for webhook in self._account.webhooks.values():
            if event in webhook.events:
                for _ in range(times):
                    self._log.schedule(identifier, webhook.id, due=now + delay_s + webhook.delay_s)
                self.ring(webhook.id)

    # Telling it

    async def _serve(self, identifier: int) -> None:
        bell = self._bells[identifier]
        while (webhook := self._account.webhooks.get(identifier)) is not None:
            bell.clear()
            due = None if webhook.paused or webhook.disabled else self._log.next_due(identifier)
            pause = None if due is None else due - time.time() + LINGER_S
            if pause is None or pause > LINGER_S:
                try:
                    await asyncio.wait_for(bell.wait(), pause)
                    continue
                except TimeoutError:
                    pass
            else:
                await asyncio.sleep(max(0.0, pause))
            # What happened meanwhile counts: it may be paused or gone by now.
            webhook = self._account.webhooks.get(identifier)
            if webhook is not None and not webhook.paused and not webhook.disabled:
                await self._tell(webhook)
        del self._tasks[identifier], self._bells[identifier]

    async def _tell(self, webhook: Webhook) -> None:
        batch = self._log.take_batch(webhook.id, now=time.time())
        if batch is None:
            return
        events = f"[{','.join(batch.bodies)}]"
        outcome = "200"
        for _ in range(webhook.copies):
            outcome = await post_events(self.http, webhook.url, webhook.key, events)
        now = time.time()
        if outcome == "200":
            self._log.settle(batch, state="delivered", at=now, outcome=outcome)
            done: Mapping[str, Any] = {
                "last_error": None,
                "last_sent_at": now,
                "batches_sent": webhook.batches_sent + 1,
                "events_sent": webhook.events_sent + len(batch.bodies),
            }
        elif batch.tries + 1 >= MOST_TRIES:
            self._log.settle(batch, state="given up", at=now, outcome=outcome)
            done = {"disabled": True, "last_error": f"{MOST_TRIES} tries failed, the last with {outcome}."}
        else:
            # A quarter more or less is also what keeps two receivers from being called in step.
            pause = self._behaviour().webhook_retry_s * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            self._log.settle(batch, state="waiting", at=now, outcome=outcome, due=now + pause)
            done = {"last_error": f"Try {batch.tries + 1} of {MOST_TRIES} ended with {outcome}."}
        self._account.change_webhook(webhook.id, **done)
        self._changed()
