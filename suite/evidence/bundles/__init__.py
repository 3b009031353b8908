"""Bundles: the evidence behind verdicts as one small file, from which another person judges without computing.

A bundle is a ``.tar.gz`` or ``.zip`` file of ``manifest.json`` and ``cells/KEY/FILE``: finished cells without their
weights and checkpoints. Its digests show damage and edits; they do not show who made it, so take bundles from
people you know. Layout and meaning: :mod:`suite.evidence.bundles.manifest`.
"""
