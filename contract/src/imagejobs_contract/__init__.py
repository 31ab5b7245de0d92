"""Types, keys and adapters that the programs of imagejobs share. Imports none of the programs."""
