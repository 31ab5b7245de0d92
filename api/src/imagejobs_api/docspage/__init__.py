"""`GET /docs`: the OpenAPI document as a page for people.

No script, nothing from elsewhere: it works offline, printed, and saved (docs/adr).
"""
