"""The process in which pictures are decoded, and the door to it.

It holds no credentials and can be lost at any time.
"""
