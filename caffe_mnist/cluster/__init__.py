"""Several machines at one job: who they are, where they meet, and which is the first."""
