"""What is told to those who run the service: metrics and traces."""
