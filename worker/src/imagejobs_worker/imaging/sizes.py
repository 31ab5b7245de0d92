"""Names for the tuples of numbers that all of `imaging` uses. Types only."""

Size = tuple[int, int]
"""Width and height in pixels."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the source; edges may fall between pixels."""
Anchor = tuple[float, float]
"""Position of a crop from 0 (left edge) to 1 (right edge), and from 0 (top) to 1 (bottom)."""
