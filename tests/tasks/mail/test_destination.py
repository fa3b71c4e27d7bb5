"""Key and URL must belong together, or nothing starts (mail.md section 3, "Switch")."""

import pytest
from pydantic import SecretStr

from tasks.mail.destination import DestinationError, check_destination

REAL, SANDBOX = "md-KEYSENTINEL0123456789", "sandbox-KEYSENTINEL"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://mandrillapp.com/api/1.0", REAL),
        ("https://MANDRILLAPP.com./api/1.0/", REAL),
        ("http://127.0.0.1:8025/api/1.0", SANDBOX),
        ("http://127.0.0.1:8025/api/1.0", REAL),
        ("http://localhost:8025/api/1.0", "anything"),
        ("http://[::1]:8025/api/1.0", REAL),
        ("http://127.8.9.1/api/1.0", REAL),
        ("http://mandrill:8025/api/1.0", SANDBOX),
        ("https://sandbox.example.com/api/1.0", SANDBOX),
    ],
)
def test_pairs_that_belong_together(url, key):
    check_destination(url, key)
    check_destination(url, SecretStr(key))


@pytest.mark.parametrize(
    ("url", "key", "says"),
    [
        ("https://mandrillapp.com/api/1.0", "", "not set"),
        ("https://mandrillapp.com/api/1.0", "  ", "not set"),
        ("https://mandrillapp.com/api/1.0", SANDBOX, "sandbox key"),
        ("https://us1.mandrillapp.com/api/1.0", SANDBOX, "sandbox key"),
        ("https://example.com/api/1.0", REAL, "real key"),
        ("https://mandrillapp.com.example.com/api/1.0", REAL, "real key"),
        ("https://notmandrillapp.com/api/1.0", REAL, "real key"),
        ("http://mandrill:8025/api/1.0", REAL, "real key"),
        ("https://mandrillapp.com@example.com/api/1.0", REAL, "user name"),
        ("http://mandrillapp.com/api/1.0", REAL, "https"),
        ("http://sandbox.example.com/api/1.0", SANDBOX, "https"),
        ("http://localhost.example.com/api", SANDBOX, "https"),
        ("ftp://127.0.0.1/api", REAL, "must be like"),
        ("mandrillapp.com/api/1.0", REAL, "must be like"),
        ("https://mandrillapp.com/api/1.0?key=x", REAL, "query"),
        ("http://[::1/api", REAL, "not a URL"),
        ("http://127.0.0.1:port/api", REAL, "not a URL"),
        ("", REAL, "must be like"),
    ],
)
def test_pairs_that_are_refused_with_a_sentence_that_keeps_the_key(url, key, says):
    with pytest.raises(DestinationError, match=says) as caught:
        check_destination(url, key)
    assert "KEYSENTINEL" not in str(caught.value)
    assert str(caught.value).endswith(".")
