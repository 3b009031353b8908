"""Images: embedded ones, folders, augmentation, digests."""

from suite.data.digits import Images, Split, load, normalise
from suite.data.views import random_views

__all__ = ["Images", "Split", "load", "normalise", "random_views"]
