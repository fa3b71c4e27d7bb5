"""What answers hold: the shapes of everything that stands in `data` and `session`, as declarations.

The documentation's pages and the schemas of `openapi.json` are made of them, and the tests hold real answers
against them. Nothing here makes an answer.

- `shape`: what a declaration is; `appointment`, `notification`, `session`: the records and what hangs on them
"""
