"""imagejobs on one machine: starts Valkey, SeaweedFS and our own programs, keeps them running, ends them together."""
