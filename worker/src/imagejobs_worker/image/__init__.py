"""One image: fetch, decode in the child, store, retry."""
