"""Random appearance of a rendered dancer: build, clothes, hair and skin."""

from dataclasses import dataclass

import numpy as np

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.synthetic.body import BONE_INDEX, BONES, Body
from dancetype.training.synthetic.camera import Floats


@dataclass(frozen=True, slots=True)
class Outfit:
    """Surface of a dressed body.

    Attributes:
        vertices: (V, 3) metres at rest, moved outwards by clothes and hair.
        colours: (V, 3) red, green and blue from 0 to 1.
    """

    vertices: Array
    colours: Array


def random_build(rng: np.random.Generator) -> dict[str, float]:
    """Return the phenotype values of an adult for `BodyFactory.create`."""
    return {
        "gender": float(rng.choice([rng.uniform(0, 0.25), rng.uniform(0.75, 1)])),
        "age": float(rng.uniform(0.6, 0.8)),
        "muscle": float(rng.uniform(0.3, 0.85)),
        "weight": float(np.clip(rng.normal(0.45, 0.15), 0.15, 0.95)),
        "height": float(rng.uniform(0.35, 0.75)),
        "proportions": float(rng.uniform(0.3, 0.9)),
    }


def random_outfit(body: Body, rng: np.random.Generator) -> Outfit:
    """Dress a body in a top, trousers, shoes and hair."""
    joint_heights = dict(zip(JOINTS, body.joints[:, 1], strict=True))
    limb_position = limb_positions(body)
    bone = np.array([name for name, _ in BONES])[body.weights.argmax(axis=1)]
    y = body.vertices[:, 1]
    waist = joint_heights["left_hip"] + rng.uniform(0.03, 0.12)
    collar = joint_heights["left_shoulder"] + rng.uniform(0.02, 0.08)

    colours = np.tile(_skin_tone(rng), (len(y), 1))
    thickness = np.zeros(len(y), np.float32)
    _paint_face(body, colours, rng)

    leg = np.char.startswith(bone, "upperleg") | np.char.startswith(bone, "lowerleg")
    hips = (bone == "root") | (bone == "spine05")
    length = rng.choice([rng.uniform(0.4, 1.0), rng.uniform(1.7, 2.0)], p=[0.25, 0.75])
    trousers = (leg & (limb_position < length)) | (hips & (y <= waist))
    colours[trousers] = _random_cloth(rng, body.vertices[trousers])
    looseness = rng.uniform(0.004, 0.03)
    thickness[trousers] = looseness * (0.4 + 0.6 * np.clip(limb_position[trousers], 0, 1))

    arm = np.char.startswith(bone, "upperarm") | np.char.startswith(bone, "lowerarm")
    trunk = np.char.startswith(bone, "spine") | np.char.startswith(bone, "clavicle")
    sleeve = rng.choice([0.0, rng.uniform(0.3, 0.8), rng.uniform(1.6, 1.95)], p=[0.15, 0.5, 0.35])
    hem = waist - rng.uniform(-0.05, 0.15)
    top = ((trunk | hips) & (y > hem) & (y < collar)) | (arm & (limb_position < sleeve))
    colours[top] = _random_cloth(rng, body.vertices[top])
    thickness[top] = rng.uniform(0.004, 0.025)

    shoes = np.char.startswith(bone, "foot") & (y < joint_heights["left_ankle"] + 0.02)
    colours[shoes] = _random_cloth(rng, body.vertices[shoes])
    thickness[shoes] = rng.uniform(0.004, 0.012)

    _add_hair(body, bone == "head", colours, thickness, rng)
    vertices = body.vertices + body.normals * thickness[:, None]
    return Outfit(vertices.astype(np.float32), np.clip(colours, 0, 1).astype(np.float32))


def limb_positions(body: Body) -> Array:
    """Return each vertex's position (V,) along its limb.

    It is 0 at the shoulder or hip, 1 at the elbow or knee, and 2 at the wrist or ankle.
    """
    positions = np.zeros(len(body.vertices), np.float32)
    chains = {
        "upperarm01": ("lowerarm01", 0),
        "lowerarm01": ("wrist", 1),
        "upperleg01": ("lowerleg01", 0),
        "lowerleg01": ("foot", 1),
    }
    bones = body.weights.argmax(axis=1)
    for name, (next_name, base) in chains.items():
        for side in ("L", "R"):
            start, end = body.head(f"{name}.{side}"), body.head(f"{next_name}.{side}")
            line = end - start
            on_bone = bones == BONE_INDEX[f"{name}.{side}"]
            positions[on_bone] = base + (body.vertices[on_bone] - start) @ line / (line @ line)
    return positions


def _skin_tone(rng: np.random.Generator) -> Floats:
    pale, dark = np.array([0.95, 0.78, 0.68]), np.array([0.26, 0.16, 0.11])
    share = rng.beta(1.2, 1.6)
    tone: Floats = (pale * (1 - share) + dark * share) * rng.normal(1, 0.04, 3)
    return tone


def _paint_face(body: Body, colours: Floats, rng: np.random.Generator) -> None:
    joints = dict(zip(JOINTS, body.joints, strict=True))
    brow_darkness = rng.uniform(0.2, 0.7)
    for side in ("left", "right"):
        eye = joints[f"{side}_eye"]
        to_eye = np.linalg.norm((body.vertices - eye) * [0.6, 1, 0.5], axis=1)
        colours[to_eye < 0.009] = [0.08, 0.06, 0.05]
        to_brow = np.linalg.norm((body.vertices - eye - [0, 0.02, 0]) * [0.35, 1, 0.4], axis=1)
        colours[to_brow < 0.006] *= brow_darkness
    mouth = joints["nose"] - np.array([0, 0.042, 0.012], np.float32)
    to_mouth = np.linalg.norm((body.vertices - mouth) * [0.45, 1, 0.5], axis=1)
    colours[to_mouth < 0.009] *= [0.9, 0.6, 0.6]


def _add_hair(
    body: Body,
    head: np.ndarray[tuple[int], np.dtype[np.bool_]],
    colours: Floats,
    thickness: Array,
    rng: np.random.Generator,
) -> None:
    """Add hair or a cap in place, or leave the head bald."""
    if rng.random() < 0.07:
        return
    joints = dict(zip(JOINTS, body.joints, strict=True))
    eyes = (joints["left_eye"] + joints["right_eye"]) / 2
    ears = (joints["left_ear"] + joints["right_ear"]) / 2
    from_ears = body.vertices - ears
    hairline = eyes[1] - ears[1] + rng.uniform(0.035, 0.06)
    behind = from_ears[:, 2] < rng.uniform(-0.01, 0.02)
    lower_edge = rng.uniform(-0.09, 0.02)
    hair = head & ((from_ears[:, 1] > hairline) | (behind & (from_ears[:, 1] > lower_edge)))
    colour = rng.choice([0.05, 0.1, 0.2, 0.45, 0.8]) * np.array([1, 0.8, 0.6])
    if rng.random() < 0.2:
        colour = rng.uniform(0, 1, 3)
    colours[hair] = colour * rng.normal(1, 0.12, (int(hair.sum()), 1))
    thickness[hair] = rng.uniform(0.004, 0.03)


def _random_cloth(rng: np.random.Generator, vertices: Array) -> Floats:
    """Return colours (N, 3) of cloth: plain, striped or blotched."""
    grey = rng.uniform(0.03, 0.95)
    colour = grey + (rng.uniform(0, 1, 3) - grey) * rng.choice([0.1, 0.5, 1.0])
    cloth = np.tile(colour, (len(vertices), 1))
    pattern = rng.random()
    if pattern < 0.2:
        stripes = np.sin(vertices[:, rng.integers(0, 2)] * rng.uniform(40, 200)) > 0
        cloth[stripes] = rng.uniform(0, 1, 3)
    elif pattern < 0.45:
        waves = np.sin(vertices @ rng.normal(0, 25, (3, 4)) + rng.uniform(0, 6, 4)).mean(axis=1)
        cloth *= 1 + 0.6 * waves[:, None]
    noisy: Floats = cloth * rng.normal(1, 0.04, (len(vertices), 1))
    return noisy
