"""What is promised about snapshots, under faults and kills."""
