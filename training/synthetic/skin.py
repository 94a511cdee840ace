"""Moves a body's skin with its bones, by linear blend skinning."""

import numpy as np

from dancetype.engine.skeleton import Array
from dancetype.training.synthetic.body import Body
from dancetype.training.synthetic.posing import Motion


class Skin:
    """The surface of one body, made ready to be moved many times.

    Args:
        body: at rest.
        vertices: (V, 3) metres, the surface that moves: the body's own, or its clothes.
    """

    def __init__(self, body: Body, vertices: Array) -> None:
        weights = body.weights[:, :, None]
        ones = np.ones((len(vertices), 1), np.float32)
        places = np.concatenate([vertices, ones], axis=1)[:, None]
        self._places = np.ascontiguousarray((weights * places).reshape(len(vertices), -1))
        self._normals = np.ascontiguousarray(
            (weights * body.normals[:, None]).reshape(len(vertices), -1)
        )
        self._heads = body.heads

    def frame(self, motion: Motion, index: int) -> tuple[Array, Array]:
        """Vertices (V, 3) in metres and their normals (V, 3), of about unit length."""
        turned = np.swapaxes(motion.rotations[index], -1, -2)
        scaled = turned * motion.scales[:, None, None]
        rests = (self._heads[:, None] @ scaled)[:, 0]
        moved = (motion.heads[index] - rests)[:, None]
        places = np.concatenate([scaled, moved], axis=1).reshape(-1, 3)
        return self._places @ places, self._normals @ turned.reshape(-1, 3)
