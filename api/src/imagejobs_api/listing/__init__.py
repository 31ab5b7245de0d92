"""The list of jobs, kept in the process: what is in it, how it follows the store, how reads on the way keep it fresh."""
