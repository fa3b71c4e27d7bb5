"""A Mandrill on this machine: the real wire contract, an inbox instead of delivery, and faults on demand.

    python -m sandbox.mandrill --port 8025 --store var/mandrill.sqlite

The API root is ``http://127.0.0.1:8025/api/1.0`` (any ``1.x``, with or without ``.json``); the inbox is at
``/``. How to use it is in docs/sandbox.md.

What happens to one mail, in this order, is the map of the package:

- ``api.py`` finds the call; ``sending.py`` leads a mail through the rest;
- ``wire.py`` reads the request as Mandrill would, or refuses it in Mandrill's error form; ``rendering.py`` makes
  a message of a stored template, ``raw_message.py`` of a MIME text;
- ``faults.py`` says whether this request is to meet a fault: asked for by an order under ``/admin/faults``,
  by the key ``sandbox-<fault>`` or by a recipient ``fault+<fault>@…``;
- ``store.py`` records the mail and the attempt, *before* anything goes wrong, so that duplicates are counted;
- ``events.py`` says what follows the acceptance, ``event_log.py`` notes it, and ``courier.py`` tells it to the
  registered webhooks through ``receiver.py``, signed as ``signature.py`` says;
- ``replies.py`` has the answers, and ``conduct.py`` misbehaves on the connection where the fault says so.

Around it: ``message_calls.py`` and ``account_calls.py`` are the other calls, ``search.py`` the query language
and ``search_cap.py`` the limit of ``messages/search``, ``account.py`` the templates and webhooks that are kept;
``inbox.py``, ``webhook_pages.py``, ``records.py`` and ``administration.py`` are the pages, the JSON for tests and
the orders, on ``pages.py``; ``calendar_files.py`` reads what is attached and
``client_page.py`` stands in for the page that a client's mail leads to. ``options.py`` is what can be set,
``parts.py`` and ``server.py`` put it all on one event loop and ``database.py`` into one file.

The limits, honestly:

- nothing is delivered, and nothing is learnt about deliverability, DKIM, DMARC or real rejection lists;
- no quota, reputation or billing exists, and no limit of calls but that of ``messages/search``, if wanted;
- a search sees a mail at once, or after a fixed lag; how long the real index lags is not published;
- error names, codes and HTTP statuses follow the contract; the wording of messages is ours;
- every key that is not blank is valid, and keys are never stored, so ``api_keys`` in a search is ignored; a key
  that begins with ``sandbox-test`` only marks its mails as test mode;
- metadata is searched in registered fields only; ``send_id``, ``appointment_id`` and ``kind`` are registered
  from the start, and ``metadata/add`` and ``metadata/delete`` act at once. The prefix of ``u_<name>:`` is
  common knowledge rather than documented, so the bare ``<name>:`` is understood as well;
- 250 bytes of metadata, which Mandrill documents as a limit without saying what happens beyond it, are
  enforced with a ValidationError;
- templates know editable regions and plain merge variables, no conditions, loops or filters; the variables of a
  single recipient count only where the mail has one recipient. In ``messages/send`` merge tags stay as they are.
  Inlined CSS, tracking and ``auto_text`` are not imitated;
- a scheduled mail stays scheduled: its time never comes;
- events are made up: ``send`` and ``delivered`` follow at once, bounces, opens, clicks, complaints only on demand.
  What ``reject`` holds in an event, and the state beside ``open``, ``click`` and ``delivered``, is our reading of
  sparse examples; locations and parsed user agents are null; ``inbound`` and sync events never come;
- after the twentieth try a webhook is disabled and its batch given up, as in Mandrill; enabling it again, pausing,
  copies and delays exist here only, and a webhook given at start is registered without a check;
- the store grows until it is cleared, and survives the process but not a loss of power. A store of an earlier
  version of the sandbox is emptied.
"""
