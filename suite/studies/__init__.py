"""What one cell computes: each study is a module with ``REACHES`` and ``run(cell, desk)``.

Studies are found by name: study ``network`` is ``suite.studies.network``.
"""
