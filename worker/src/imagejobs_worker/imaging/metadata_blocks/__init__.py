"""What blocks of metadata say: XMP, IPTC, and the rights that any of them names. Pure bytes in and out."""
