"""Figures of what was judged: the paper's figure redrawn from our evidence, and below it the verdict's numbers.

``Criterion.figure`` names the kind (see :data:`suite.show.figures.kinds.KINDS`)::

    depth:NAME      a layer profile over relative depth      pattern        the energy pattern and its nulls
    scatter:A:B     two quantities, one point a layer        trajectory     differences over training
    matrix:NAME     likeness of two networks' layers         student-depth  layer profiles of students
    ranks           ranks against their null and their cap   trend          gain over width
    paired          differences, seed by seed                (empty)        the interval alone

Nothing here reads the clock or a random generator of its own: equal evidence gives equal files.

Import :mod:`suite.show.figures.drawing` to draw; this package itself needs no matplotlib.
"""
