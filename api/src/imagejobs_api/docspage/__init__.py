"""`GET /docs`: the OpenAPI document as a page for people.

It has no script and loads nothing, so it works offline, printed and saved (docs/adr).
"""
