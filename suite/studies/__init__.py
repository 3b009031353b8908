"""What one cell computes: each study is a module with the face of :class:`suite.studies.protocol.Study`.

Studies are found by name: study ``train`` is ``suite.studies.train``.
"""
