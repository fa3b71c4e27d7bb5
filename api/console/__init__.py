"""The console: pages for the people of the house, at `/console`, rendered here and working without JavaScript.

What every page passes (session, role, CSRF, security headers) is in `guard.py`; how pages are written, in
`render.py`. A tab is a module with `add_to(blueprint)`, listed in
`blueprint.py`, and an entry in `render.TABS`.

The console calls the models as the API's routes do; its cookies mean nothing to the API.
"""
