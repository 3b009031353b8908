"""Verdicts for people and for machines: terminal, JSON, README table, log of recorded values, pytest, MLflow.

Nothing here computes evidence or decides a verdict; everything is a view of what
:func:`suite.assess.assess` returned, and can be thrown away and made again.
"""
