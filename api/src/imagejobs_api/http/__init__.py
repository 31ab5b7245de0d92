"""HTTP that all resources share: requests, errors, JSON, forms, headers, middleware."""
