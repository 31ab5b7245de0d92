"""The sandboxed process in which pictures are decoded, and its client, `decoder.Decoder`.

The process holds no credentials and can be lost at any time.
"""
