from tests.training.conftest import aist, recipe, sequences

__all__ = ["aist", "recipe", "sequences"]
