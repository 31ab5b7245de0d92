"""Steps of the pipeline that change pixels: resize, colour, orientation, background."""
