"""S3 adapters. The only place that speaks to S3."""
