"""The parameters of what is read with GET: the query string, in which a token never stands. Pure."""

from collections.abc import Mapping
from typing import Final

from api.faults import Fault, Refusal
from api.statuses import INVALID_TOKEN, MISSING_PARAM

NO_BEARER: Final = Fault(
    "token",
    MISSING_PARAM,
    "A request with GET carries its token in the header Authorization, and there was none.",
    'Send it with the cURL option --header "Authorization: Bearer …".',
)


def read_query(given: Mapping[str, str]) -> dict[str, object]:
    """The parameters of a query string; of a name that occurs twice, the first.

    Raises `Refusal` for a token among them: URLs stand in logs, histories and the Referer of the next request.
    """
    if any(name.strip().lower() == "token" for name in given):
        raise Refusal(
            INVALID_TOKEN,
            "A token must not stand in a URL; the one in this URL should be revoked.",
            "Send it in the header Authorization: Bearer, and have a new one made.",
        )
    return dict(given.items())
