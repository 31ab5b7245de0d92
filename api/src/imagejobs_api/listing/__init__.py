"""The process's own list of jobs: `index` holds it, `reflector` and `indexed_store` keep it up to date."""
