"""Chooses the part of a picture that a crop keeps: geometry, focal point, entropy, faces."""
