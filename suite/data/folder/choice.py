"""Former place of :mod:`suite.data.choice`."""

from suite.data.choice import choose, digest, is_imagenet_validation

__all__ = ["choose", "digest", "is_imagenet_validation"]
