"""Which colours a source stores, how they become sRGB, and how few of them a result needs."""
