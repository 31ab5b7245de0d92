"""imagejobs on one machine, and its command line. Starts the other parts as programs, imports none."""
