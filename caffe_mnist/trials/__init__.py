"""Several trainings that belong together: their values, their runs, their table and picture."""
