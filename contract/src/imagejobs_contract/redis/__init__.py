"""Redis adapters. No other module speaks to Redis."""
