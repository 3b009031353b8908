"""What the papers say: one module per finding, judged by the suite; nothing here computes."""
