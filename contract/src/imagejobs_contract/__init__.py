"""What the programs of imagejobs agree on. Imports nothing of theirs."""
