"""Clips -> what a model sees: geometry, streams, augmentation, the default recipe and parity.

Imports convert and what stands before it.
"""

from mbnb.prepare.parity import ParityRecipe
from mbnb.prepare.recipe import DefaultRecipe, make_recipe, views_of

__all__ = ["DefaultRecipe", "ParityRecipe", "make_recipe", "views_of"]
