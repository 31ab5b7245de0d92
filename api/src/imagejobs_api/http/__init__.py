"""HTTP that every resource shares: request, errors, JSON, forms, paging, headers."""
