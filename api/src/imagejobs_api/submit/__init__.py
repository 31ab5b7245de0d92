"""From a request that makes a job to the stored ImageJob and its answer."""
