"""Names for pairs and quadruples of numbers that all of `imaging` hands around. Types only."""

Size = tuple[int, int]
"""Width and height in pixels."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the source; edges may fall between pixels."""
Anchor = tuple[float, float]
"""Position of a crop between the left and the right edge, and between the top and the bottom, each from 0 to 1."""
