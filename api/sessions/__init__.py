"""The resource `sessions`: opening one with a password, looking at it, ending it."""
