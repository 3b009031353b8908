"""Training: recipes, supervised training, co-training of a block."""
