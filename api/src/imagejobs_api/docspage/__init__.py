"""`GET /docs`: the OpenAPI document as a page for people.

It is whole without a script, so it works offline, printed and saved (docs/adr). Its one script, `docs.js`,
adds search, copying and trying calls.
"""
