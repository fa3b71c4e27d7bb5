"""The signature of a webhook: base64(HMAC-SHA1(key, URL + every POST field's name and value, by name)).

The URL is the registered one, to the letter. Pure.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping


def signature(key: str, url: str, fields: Mapping[str, str]) -> str:
    """What ``X-Mandrill-Signature`` holds."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()
