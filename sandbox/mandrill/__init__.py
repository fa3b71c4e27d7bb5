"""A Mandrill on this machine: the real wire contract, an inbox instead of delivery, and faults on demand.

    python -m sandbox.mandrill --port 8025 --store var/mandrill.sqlite

The API root is ``http://127.0.0.1:8025/api/1.0`` (any ``1.x``, with or without ``.json``); the inbox is at
``/``.

What happens to one ``messages/send``, in this order, is the map of the package:

- ``wire.py`` reads the request as Mandrill would, or refuses it in Mandrill's error form;
- ``faults.py`` says whether this request is to meet a fault: asked for by an order under ``/admin/faults``,
  by the key ``sandbox-<fault>`` or by a recipient ``fault+<fault>@…``;
- ``store.py`` records the mail and the attempt, *before* anything goes wrong, so that duplicates are counted;
- ``api.py`` answers, and ``conduct.py`` misbehaves on the connection where the fault says so.

``search.py`` is the query language of ``messages/search``, ``inbox.py`` the pages and the JSON for tests,
``server.py`` puts them on one event loop.

The limits, honestly:

- nothing is delivered, and nothing is learnt about deliverability, DKIM, DMARC or real rejection lists;
- no quota, reputation, billing or rate limit exists (``messages/search`` is not capped at 20 calls a minute),
  and a search sees a mail at once, where the real index lags;
- error names, codes and HTTP statuses follow the contract; the wording of messages is ours;
- every key that is not blank is valid, and keys are never stored, so ``api_keys`` in a search is ignored;
- metadata is searched in registered fields only; ``send_id``, ``appointment_id`` and ``kind`` are registered
  from the start, and ``metadata/add`` and ``metadata/delete`` act at once. The prefix of ``u_<name>:`` is
  common knowledge rather than documented, so the bare ``<name>:`` is understood as well;
- merge tags, templates, inlined CSS, tracking and webhooks are not imitated;
- 250 bytes of metadata, which Mandrill documents as a limit without saying what happens beyond it, are
  enforced with a ValidationError;
- the store grows until it is cleared, and survives the process but not a loss of power.
"""
