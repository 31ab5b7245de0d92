"""The ImageJob: its values, the rules between them, and their JSON."""
