import numpy as np
import pytest

from dancetype.engine.skeleton import JOINTS
from dancetype.training.synthetic.body import (
    BONES,
    Body,
    bone_starting_at,
    subdivide,
    vertex_normals,
)


def test_parents_precede_their_bones() -> None:
    names = [name for name, _ in BONES]
    assert all(parent in names[:index] for index, (_, parent) in enumerate(BONES) if index)


@pytest.mark.parametrize(
    ("joint", "bone"), [("left_hip", "upperleg01.L"), ("right_wrist", "wrist.R")]
)
def test_joint_maps_to_the_bone_that_starts_there(joint: str, bone: str) -> None:
    assert bone_starting_at(joint) == bone


def test_normals_point_out_of_the_body(body: Body) -> None:
    centres = np.repeat(body.vertices.reshape(-1, 4, 3).mean(axis=1), 4, axis=0)
    assert (((body.vertices - centres) * body.normals).sum(axis=1) > 0).all()


def test_normals_have_unit_length_or_are_zero_without_a_face() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]], np.float32)
    normals = vertex_normals(vertices, np.array([[0, 1, 2]], np.uint32))
    np.testing.assert_allclose(normals[:3], [[0, 0, 1]] * 3)
    np.testing.assert_allclose(normals[3], 0)


def test_body_of_anny_stands_upright_and_faces_the_camera() -> None:
    pytest.importorskip("anny")
    from dancetype.training.synthetic.body import BodyFactory

    build = {"gender": 0.5, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.5}
    body = BodyFactory().create(build | {"proportions": 0.5})
    joints = dict(zip(JOINTS, body.joints, strict=True))
    assert joints["nose"][1] > joints["left_shoulder"][1] > joints["left_hip"][1]
    assert joints["left_hip"][0] > 0 > joints["right_hip"][0]
    assert joints["nose"][2] > joints["left_ear"][2]
    assert 1.4 < np.ptp(body.vertices[:, 1]) < 2.1
    np.testing.assert_allclose(body.weights.sum(axis=1), 1, atol=1e-5)


def test_subdivided_body_has_the_same_surface(body: Body) -> None:
    fine = subdivide(body)
    assert len(fine.faces) == 4 * len(body.faces)
    # Each edge of a closed mesh of triangles gets a vertex.
    assert len(fine.vertices) == len(body.vertices) + len(body.faces) * 3 // 2
    assert area(fine) == pytest.approx(area(body), rel=1e-4)
    np.testing.assert_allclose(fine.weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(fine.normals, axis=1), 1, atol=1e-5)


def area(body: Body) -> float:
    a, b, c = (body.vertices[body.faces[:, corner]] for corner in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)
