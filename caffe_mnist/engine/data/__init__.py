"""From records to batches: reading in order, transforming, and doing both ahead of the net."""
