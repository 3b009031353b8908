"""Former place of :mod:`suite.data.choice`."""
