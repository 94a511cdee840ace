import numpy as np

from dancetype.engine.skeleton import Array
from dancetype.training.synthetic.body import BONES, Body
from dancetype.training.synthetic.clip import Skin
from dancetype.training.synthetic.posing import SkeletonMotion, pose_body


def test_skin_is_unchanged_in_the_rest_pose(body: Body) -> None:
    identity = np.broadcast_to(np.eye(3, dtype=np.float32), (1, len(BONES), 3, 3))
    motion = SkeletonMotion(identity, body.heads[None], np.ones(len(BONES), np.float32))
    vertices, normals = Skin(body, body.vertices).deform(motion, 0)
    np.testing.assert_allclose(vertices, body.vertices, atol=1e-6)
    np.testing.assert_allclose(normals, body.normals, atol=1e-6)


def test_skin_moves_with_its_bone(body: Body, dance: Array) -> None:
    motion = pose_body(body, dance, 60)
    vertices, _ = Skin(body, body.vertices).deform(motion, 20)
    centres = vertices.reshape(len(BONES), 4, 3).mean(axis=1)
    np.testing.assert_allclose(centres, motion.heads[20], atol=1e-5)


def test_clothes_keep_their_distance_from_the_body(body: Body, dance: Array) -> None:
    motion = pose_body(body, dance, 60)
    bare, _ = Skin(body, body.vertices).deform(motion, 20)
    dressed, _ = Skin(body, body.vertices + 0.02 * body.normals).deform(motion, 20)
    distances = np.linalg.norm(dressed - bare, axis=1)
    assert (distances > 0.01).all()
    assert (distances < 0.04).all()
