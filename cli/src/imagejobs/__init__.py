"""imagejobs on one machine, and its command line. Speaks to the other parts as programs only."""
