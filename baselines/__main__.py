"""`python -m baselines` prints the table of methods in README.md."""

from baselines._catalogue import markdown

print(markdown())
