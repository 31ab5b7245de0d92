"""For those who run the service: health, metrics, request spans."""
