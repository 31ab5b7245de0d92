"""One module per format or part of a file: frames, headers, metadata, palettes, parameters of encoders."""
