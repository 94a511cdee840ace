"""Random looks of a rendered dancer: build, clothes, hair and skin."""

from dataclasses import dataclass

import numpy as np

from dancetype.engine.skeleton import JOINTS, Array
from dancetype.training.synthetic.body import BONE, BONES, Body
from dancetype.training.synthetic.camera import Floats


@dataclass(frozen=True, slots=True)
class Outfit:
    """A dressed surface over a body.

    Attributes:
        vertices: (V, 3) metres at rest, moved outwards by cloth and hair.
        colours: (V, 3) from 0 to 1, red, green, blue.
    """

    vertices: Array
    colours: Array


def random_build(rng: np.random.Generator) -> dict[str, float]:
    """Return an adult's phenotypes for `Bodies.body`."""
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
    height = body.joints[:, 1]
    along = _along_limbs(body)
    owner = np.array([name for name, _ in BONES])[body.weights.argmax(axis=1)]
    y = body.vertices[:, 1]
    waist = height[JOINTS.index("left_hip")] + rng.uniform(0.03, 0.12)
    collar = height[JOINTS.index("left_shoulder")] + rng.uniform(0.02, 0.08)

    colours = np.tile(_skin_tone(rng), (len(y), 1))
    out = np.zeros(len(y), np.float32)
    _paint_face(body, colours, rng)

    leg = np.char.startswith(owner, ("upperleg")) | np.char.startswith(owner, "lowerleg")
    hips = (owner == "root") | (owner == "spine05")
    length = rng.choice([rng.uniform(0.4, 1.0), rng.uniform(1.7, 2.0)], p=[0.25, 0.75])
    trousers = (leg & (along < length)) | (hips & (y <= waist))
    colours[trousers] = _cloth(rng, body.vertices[trousers])
    loose = rng.uniform(0.004, 0.03)
    out[trousers] = loose * (0.4 + 0.6 * np.clip(along[trousers], 0, 1))

    arm = np.char.startswith(owner, "upperarm") | np.char.startswith(owner, "lowerarm")
    trunk = np.char.startswith(owner, "spine") | np.char.startswith(owner, "clavicle")
    sleeve = rng.choice([0.0, rng.uniform(0.3, 0.8), rng.uniform(1.6, 1.95)], p=[0.15, 0.5, 0.35])
    hem = waist - rng.uniform(-0.05, 0.15)
    top = ((trunk | hips) & (y > hem) & (y < collar)) | (arm & (along < sleeve))
    colours[top] = _cloth(rng, body.vertices[top])
    out[top] = rng.uniform(0.004, 0.025)

    shoes = np.char.startswith(owner, "foot") & (y < height[JOINTS.index("left_ankle")] + 0.02)
    colours[shoes] = _cloth(rng, body.vertices[shoes])
    out[shoes] = rng.uniform(0.004, 0.012)

    _put_on_hair(body, owner == "head", colours, out, rng)
    vertices = body.vertices + body.normals * out[:, None]
    return Outfit(vertices.astype(np.float32), np.clip(colours, 0, 1).astype(np.float32))


def _along_limbs(body: Body) -> Array:
    """(V,) position along the limb: 0 at shoulder or hip, 1 at elbow or knee, 2 at its end."""
    along = np.zeros(len(body.vertices), np.float32)
    chains = {
        "upperarm01": ("lowerarm01", 0),
        "lowerarm01": ("wrist", 1),
        "upperleg01": ("lowerleg01", 0),
        "lowerleg01": ("foot", 1),
    }
    owner = body.weights.argmax(axis=1)
    for bone, (after, base) in chains.items():
        for side in ("L", "R"):
            start, end = body.head(f"{bone}.{side}"), body.head(f"{after}.{side}")
            line = end - start
            mine = owner == BONE[f"{bone}.{side}"]
            along[mine] = base + (body.vertices[mine] - start) @ line / (line @ line)
    return along


def _skin_tone(rng: np.random.Generator) -> Floats:
    pale, dark = np.array([0.95, 0.78, 0.68]), np.array([0.26, 0.16, 0.11])
    share = rng.beta(1.2, 1.6)
    tone: Floats = (pale * (1 - share) + dark * share) * rng.normal(1, 0.04, 3)
    return tone


def _paint_face(body: Body, colours: Floats, rng: np.random.Generator) -> None:
    joints = dict(zip(JOINTS, body.joints, strict=True))
    brow = rng.uniform(0.2, 0.7)
    for side in ("left", "right"):
        eye = joints[f"{side}_eye"]
        away = np.linalg.norm((body.vertices - eye) * [0.6, 1, 0.5], axis=1)
        colours[away < 0.009] = [0.08, 0.06, 0.05]
        high = np.linalg.norm((body.vertices - eye - [0, 0.02, 0]) * [0.35, 1, 0.4], axis=1)
        colours[high < 0.006] *= brow
    mouth = joints["nose"] - np.array([0, 0.042, 0.012], np.float32)
    away = np.linalg.norm((body.vertices - mouth) * [0.45, 1, 0.5], axis=1)
    colours[away < 0.009] *= [0.9, 0.6, 0.6]


def _put_on_hair(
    body: Body,
    head: np.ndarray[tuple[int], np.dtype[np.bool_]],
    colours: Floats,
    out: Array,
    rng: np.random.Generator,
) -> None:
    """Hair, a cap or a bald head."""
    if rng.random() < 0.07:
        return
    joints = dict(zip(JOINTS, body.joints, strict=True))
    eyes = (joints["left_eye"] + joints["right_eye"]) / 2
    ears = (joints["left_ear"] + joints["right_ear"]) / 2
    place = body.vertices - ears
    brow = eyes[1] - ears[1] + rng.uniform(0.035, 0.06)
    behind = place[:, 2] < rng.uniform(-0.01, 0.02)
    low = rng.uniform(-0.09, 0.02)
    hair = head & ((place[:, 1] > brow) | (behind & (place[:, 1] > low)))
    tone = rng.choice([0.05, 0.1, 0.2, 0.45, 0.8]) * np.array([1, 0.8, 0.6])
    if rng.random() < 0.2:
        tone = rng.uniform(0, 1, 3)
    colours[hair] = tone * rng.normal(1, 0.12, (int(hair.sum()), 1))
    out[hair] = rng.uniform(0.004, 0.03)


def _cloth(rng: np.random.Generator, vertices: Array) -> Floats:
    """(N, 3): one colour, faded, striped or blotched."""
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
    blurred: Floats = cloth * rng.normal(1, 0.04, (len(vertices), 1))
    return blurred
