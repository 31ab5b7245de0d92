"""Where to crop: geometry, focal point, entropy, faces."""
