"""Steps of the pipeline that change pixels, in this order: resize, colour, orient, compose."""
