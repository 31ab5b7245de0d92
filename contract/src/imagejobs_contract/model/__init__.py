"""The ImageJob: its values, what holds between them, and how they are written as JSON."""
