"""One module per format, and what their files say beside the pixels."""
