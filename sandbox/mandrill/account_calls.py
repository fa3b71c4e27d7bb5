"""The calls about the account: users, metadata fields, templates, webhooks.

Each takes the shared parts and the request, gives what is answered with 200, or raises `WireError`.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.mandrill.account import MOST_FIELDS, Webhook
from sandbox.mandrill.events import EVENTS, SYNC_EVENTS
from sandbox.mandrill.parts import Parts
from sandbox.mandrill.receiver import WebhookRefusedError, check_receiver, check_url
from sandbox.mandrill.store import Filter
from sandbox.mandrill.wire import WireError, invalid

_TEMPLATE_TEXTS = ("code", "text", "subject", "from_email", "from_name")
_LONGEST_TEMPLATE_NAME = 50


def mandrill_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def users_ping(_parts: Parts, _request: Mapping[str, Any]) -> object:
    return "PONG!"


def users_ping2(_parts: Parts, _request: Mapping[str, Any]) -> object:
    return {"PING": "PONG!"}


def users_info(parts: Parts, _request: Mapping[str, Any]) -> object:
    return {
        "username": "sandbox",
        "created_at": "2026-01-01 00:00:00",
        "public_id": "sandbox",
        "reputation": 100,
        "hourly_quota": 1_000_000,
        "backlog": 0,
        "stats": {"all_time": {"sent": parts.store.count(Filter())}},
    }


# Metadata fields


def metadata_list(parts: Parts, _request: Mapping[str, Any]) -> object:
    return [_field_entry(each) for each in sorted(parts.account.fields)]


def metadata_add(parts: Parts, request: Mapping[str, Any]) -> object:
    name = _field_name(request)
    if len(parts.account.fields) >= MOST_FIELDS:
        raise WireError(400, -1, "Metadata_FieldLimit", f"At most {MOST_FIELDS} fields are registered")
    parts.account.fields.add(name)
    return _field_entry(name)


def metadata_delete(parts: Parts, request: Mapping[str, Any]) -> object:
    name = _field_name(request)
    if name not in parts.account.fields:
        raise WireError(404, -1, "Unknown_MetadataField", f"No metadata field is called '{name}'")
    parts.account.fields.remove(name)
    return _field_entry(name)


def _field_name(request: Mapping[str, Any]) -> str:
    name = request.get("name")
    if not isinstance(name, str) or not name or name.startswith("_"):
        raise invalid("name: please give the name of a field")
    return name


def _field_entry(name: str) -> dict[str, Any]:
    return {"name": name, "state": "active", "view_template": None}


# Templates


def template_of(parts: Parts, name: object, *, field: str) -> dict[str, Any]:
    """The stored template by its slug, or by a name that makes that slug. Raises `WireError`."""
    if not isinstance(name, str) or not name.strip():
        raise invalid(f"{field}: please give the name of a template")
    facts = parts.account.template(name) or parts.account.template(_slug(name))
    if facts is None:
        raise WireError(404, 5, "Unknown_Template", f"No template is called '{name}'")
    return facts


def templates_add(parts: Parts, request: Mapping[str, Any]) -> object:
    name = request.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_TEMPLATE_NAME:
        raise invalid(f"name: please give a name of at most {_LONGEST_TEMPLATE_NAME} characters")
    slug = _slug(name)
    if not slug:
        raise invalid("name: please give a name with letters or digits")
    if parts.account.template(slug) is not None:
        raise WireError(400, 6, "Invalid_Template", f"A template with the name '{name}' already exists")
    now = mandrill_time(time.time())
    facts: dict[str, Any] = {
        "slug": slug, "name": name, "labels": [], "created_at": now, "draft_updated_at": now,
        "published_at": None, "publish_name": name,
    }  # fmt: skip
    facts.update(dict.fromkeys((*_TEMPLATE_TEXTS, *(f"publish_{each}" for each in _TEMPLATE_TEXTS))))
    return _written(parts, facts, request)


def templates_update(parts: Parts, request: Mapping[str, Any]) -> object:
    return _written(parts, template_of(parts, request.get("name"), field="name"), request)


def templates_info(parts: Parts, request: Mapping[str, Any]) -> object:
    return template_of(parts, request.get("name"), field="name")


def templates_publish(parts: Parts, request: Mapping[str, Any]) -> object:
    facts = template_of(parts, request.get("name"), field="name")
    return _written(parts, facts, {"publish": True})


def templates_list(parts: Parts, request: Mapping[str, Any]) -> object:
    label = request.get("label")
    return [each for each in parts.account.templates() if not label or label in each["labels"]]


def templates_delete(parts: Parts, request: Mapping[str, Any]) -> object:
    facts = template_of(parts, request.get("name"), field="name")
    parts.account.delete_template(facts["slug"])
    return facts


def _written(parts: Parts, facts: dict[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The template with what the request gives as its draft; published too unless ``publish`` is false."""
    for field in _TEMPLATE_TEXTS:
        value = request.get(field)
        if value is not None:
            if not isinstance(value, str):
                raise invalid(f"{field}: please give a string")
            facts[field] = value
    labels = request.get("labels")
    if labels is not None:
        if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
            raise invalid("labels: please give an array of strings")
        facts["labels"] = labels
    now = mandrill_time(time.time())
    facts["updated_at"] = facts["draft_updated_at"] = now
    if request.get("publish", True) is not False:
        facts.update({f"publish_{field}": facts[field] for field in _TEMPLATE_TEXTS}, published_at=now)
    parts.account.put_template(facts)
    return facts


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


# Webhooks


async def webhooks_add(parts: Parts, request: Mapping[str, Any]) -> object:
    description = request.get("description")
    if description is not None and not isinstance(description, str):
        raise invalid("description: please give a string")
    try:
        url = check_url(request.get("url"))
        events = wanted_events(request.get("events"))
        await check_receiver(parts.courier.http, url)
    except WebhookRefusedError as error:
        raise invalid(f"url: {error}") from None
    webhook = parts.account.add_webhook(
        url, key="", description=description or "", events=events, at=time.time()
    )
    parts.courier.start()
    return webhook_entry(webhook)


def webhooks_list(parts: Parts, _request: Mapping[str, Any]) -> object:
    return [webhook_entry(each) for each in parts.account.webhooks.values()]


def webhooks_info(parts: Parts, request: Mapping[str, Any]) -> object:
    return webhook_entry(_webhook_of(parts, request))


def webhooks_delete(parts: Parts, request: Mapping[str, Any]) -> object:
    webhook = _webhook_of(parts, request)
    parts.account.delete_webhook(webhook.id)
    parts.courier.ring(webhook.id)
    return webhook_entry(webhook)


def wanted_events(events: object) -> tuple[str, ...]:
    """All message events if none are given. Raises `WireError`."""
    if events in (None, [], ""):
        return EVENTS
    if not isinstance(events, list) or not all(each in EVENTS + SYNC_EVENTS for each in events):
        raise invalid(f"events: please give an array of any of {', '.join(EVENTS)}")
    return tuple(dict.fromkeys(events))


def webhook_entry(webhook: Webhook) -> dict[str, Any]:
    sent = webhook.last_sent_at
    return {
        "id": webhook.id,
        "url": webhook.url,
        "description": webhook.description,
        "auth_key": webhook.key,
        "events": list(webhook.events),
        "created_at": mandrill_time(webhook.created_at),
        "last_sent_at": None if sent is None else mandrill_time(sent),
        "batches_sent": webhook.batches_sent,
        "events_sent": webhook.events_sent,
        "last_error": webhook.last_error,
    }


def _webhook_of(parts: Parts, request: Mapping[str, Any]) -> Webhook:
    identifier = request.get("id")
    if not isinstance(identifier, int) or isinstance(identifier, bool):
        raise invalid("id: please give the number of a webhook")
    webhook = parts.account.webhooks.get(identifier)
    if webhook is None:
        raise WireError(404, -1, "Unknown_Webhook", f"No webhook has the id {identifier}")
    return webhook
