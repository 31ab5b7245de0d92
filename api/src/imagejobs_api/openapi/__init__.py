"""The OpenAPI document: the API for programs, and for people at `/docs`.

Every fact has one source. Schemas of requests are recorded from the code that reads requests
(`request_schema`). Schemas of answers are derived from the types of the code that writes answers
(`components`). Errors come from the contract's codes (`problems`), limits from the settings. Written here are
only the calls, with the codes and headers of each: one file for each group of calls.
"""
