"""A webhook's receiver: the check of its URL when it is registered, and posting events to it."""

import asyncio
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest

from sandbox.mandrill.signature import signature

CHECK_KEY = "test-webhook"
"""What the empty list of a check is signed with: the real key is not known to anybody yet."""
PATIENCE_S = 10.0
_AGENT = "Mandrill-Webhook/1.0 (sandbox)"


class WebhookRefusedError(ValueError):
    """This URL cannot be registered; the text is a sentence."""


def check_url(url: object) -> str:
    """The URL if it can be called at all. Raises `WebhookRefusedError`."""
    problem = "Please give the webhook's whole URL, such as http://127.0.0.1:8000/hooks/mandrill."
    if not isinstance(url, str) or any(character <= " " for character in url):
        raise WebhookRefusedError(problem)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WebhookRefusedError(problem)
    return url


def receiver_client() -> AsyncHTTPClient:
    """For `check_receiver` and `post_events`. A redirect is an answer like any other: not 200."""
    defaults = {
        "follow_redirects": False,
        "connect_timeout": PATIENCE_S,
        "request_timeout": PATIENCE_S,
        "user_agent": _AGENT,
    }
    return AsyncHTTPClient(force_instance=True, defaults=defaults)


async def check_receiver(http: AsyncHTTPClient, url: str) -> None:
    """HEAD must be answered with 200, or else a signed POST of no events. Raises `WebhookRefusedError`."""
    head = await _ask(http, HTTPRequest(url, method="HEAD"))
    if head == "200":
        return
    posted = await post_events(http, url, CHECK_KEY, "[]")
    if posted != "200":
        raise WebhookRefusedError(
            f"The receiver answers HEAD with {head} and a POST of no events with {posted}; one must be 200."
        )


async def post_events(http: AsyncHTTPClient, url: str, key: str, events: str) -> str:
    """POSTs a JSON array of events. The HTTP status, or why there is none; "200" is success."""
    fields = {"mandrill_events": events}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Mandrill-Signature": signature(key, url, fields),
    }
    return await _ask(http, HTTPRequest(url, method="POST", headers=headers, body=urlencode(fields)))


async def _ask(http: AsyncHTTPClient, request: HTTPRequest) -> str:
    try:
        return str((await http.fetch(request, raise_error=False)).code)
    except asyncio.CancelledError:
        raise
    except HTTPError as error:
        return error.message.lower()
    except OSError as error:
        return (error.strerror or "no connection").lower()
    except ValueError:
        return "a URL that cannot be called"
