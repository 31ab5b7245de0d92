"""Tells sound files from damaged ones: damaged pixels always fail an image, odd metadata never does."""
