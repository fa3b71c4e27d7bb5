"""How a token looks in a text, so that it can be blotted out of whatever is logged, reported or repeated. Pure."""

import re

# As `models.tokens` mints them, and also what is left of one that was cut off.
_TOKEN = re.compile(r"(application|session)_[0-9a-f]{16}_[A-Za-z0-9_-]+")


def without_tokens(text: str) -> str:
    """The text with the kind of each token in its place: people put them into paths and into the strangest headers."""
    return _TOKEN.sub(r"\1_…", text) if "_" in text else text
