"""One trainer for every scale: recipes, the stream of slices, students side by side, checkpoints, processes."""
