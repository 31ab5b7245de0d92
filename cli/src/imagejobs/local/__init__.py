"""imagejobs on one machine: starts Valkey, SeaweedFS and our own programs, keeps them up, stops them.

`stack` opens and closes everything outside this process, `plan` connects the parts and starts nothing.
"""
