"""Several machines at one job."""
