"""The operator: runs ImageJobs and is the only writer of their status. `decide` plans, `act` carries out."""
