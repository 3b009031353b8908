"""From claims to finished cells: plan, executors, progress."""
