"""The OpenAPI document: the API as programs read it, and as people read it at `/docs`.

Nothing in it is said twice. What requests may hold is noted from the code that reads them (`asked`), what
answers hold is derived from the types of the code that writes them (`components`), errors come from the
contract's codes (`problems`), limits from the settings. Only what the calls are, and which codes and headers
belong to each, is written here: a file for each group of calls.
"""
