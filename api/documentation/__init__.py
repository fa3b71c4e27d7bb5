"""The documentation that the service serves about itself: a page a route, OpenAPI, Swagger UI, a guide.

Everything about routes comes from their declarations, the registries and the table of statuses. Nothing here
needs a login, sets a cookie or asks the outside; without the database only the note about retired routes is
missing.

- `samples`: one request in four languages; `schemas`: a parameter as JSON Schema; `openapi`: the whole contract
- `content`: what a page says, as data for the templates; `prose`: text to HTML
- `pages`: the paths, and the headers that go with them; `files`: styles, scripts and what is vendored
"""
