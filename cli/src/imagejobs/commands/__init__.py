"""One module per verb; each opens with its options and hands over at once."""
