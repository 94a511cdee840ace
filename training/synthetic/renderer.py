"""Off-screen renderer of a coloured mesh, which also runs without a graphics card.

The OpenGL context is pyrender's, on OSMesa or EGL. The simple shader replaces pyrender's physically
based one, which takes four times as long and makes no difference to MediaPipe.
"""

import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.errors import WorkerError
from dancetype.engine.skeleton import Array
from dancetype.training.synthetic.camera import Camera, Floats

_VERTEX: Final = """#version 330 core
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 colour;
uniform mat4 projection;
out vec3 surface_normal;
out vec3 surface_colour;
void main() {
    gl_Position = projection * vec4(position, 1.0);
    surface_normal = normal;
    surface_colour = colour;
}"""

_FRAGMENT: Final = """#version 330 core
in vec3 surface_normal;
in vec3 surface_colour;
uniform vec3 lamp_direction;
uniform vec3 lamp_colour;
uniform vec3 sky;
uniform vec3 ground;
out vec4 pixel;
void main() {
    vec3 unit_normal = normalize(surface_normal);
    vec3 ambient = mix(ground, sky, 0.5 + 0.5 * unit_normal.y);
    vec3 diffuse = lamp_colour * max(dot(unit_normal, lamp_direction), 0.0);
    pixel = vec4(surface_colour * (ambient + diffuse), 1.0);
}"""


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp and ambient light; colours are red, green and blue of about 1.

    Attributes:
        direction: Unit vector (3,) from the dancer to the lamp.
        lamp_colour: Colour (3,) of the lamp.
        sky_colour: Colour (3,) of the ambient light from above.
        ground_colour: Colour (3,) of the ambient light from below.
    """

    direction: Floats
    lamp_colour: Floats
    sky_colour: Floats
    ground_colour: Floats


def random_light(rng: np.random.Generator) -> Light:
    """Return light from a random direction, mostly from above and the front."""
    azimuth, elevation = rng.normal(0, 1.0), rng.uniform(0.1, 1.3)
    direction = [
        np.sin(azimuth) * np.cos(elevation),
        np.sin(elevation),
        np.cos(azimuth) * np.cos(elevation),
    ]
    tint = 1 + rng.normal(0, 0.08, 3)
    strength, ambient = rng.uniform(0.8, 1.6), rng.uniform(0.25, 0.75)
    return Light(
        direction=np.array(direction),
        lamp_colour=strength * (1 - ambient) * tint,
        sky_colour=strength * ambient * (1 + rng.normal(0, 0.05, 3)),
        ground_colour=strength * ambient * rng.uniform(0.4, 0.9) * (1 + rng.normal(0, 0.08, 3)),
    )


class Renderer:
    """Renderer of images of up to `size` by `size` pixels.

    Raises:
        WorkerError: Neither OSMesa nor EGL can be used.
        ModuleNotFoundError: The extra `synth` is not installed.
    """

    def __init__(self, size: int) -> None:
        self._platform = _open_platform(size)
        from OpenGL import GL
        from OpenGL.GL import shaders

        self._gl: Any = GL
        self._size = size
        self._indices = 0
        GL.glBindVertexArray(GL.glGenVertexArrays(1))
        self._program = shaders.compileProgram(
            shaders.compileShader(_VERTEX, GL.GL_VERTEX_SHADER),
            shaders.compileShader(_FRAGMENT, GL.GL_FRAGMENT_SHADER),
        )
        self._buffers = GL.glGenBuffers(4)
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, GL.glGenFramebuffers(1))
        for pixel_format, attachment in (
            (GL.GL_RGBA8, GL.GL_COLOR_ATTACHMENT0),
            (GL.GL_DEPTH_COMPONENT24, GL.GL_DEPTH_ATTACHMENT),
        ):
            buffer = GL.glGenRenderbuffers(1)
            GL.glBindRenderbuffer(GL.GL_RENDERBUFFER, buffer)
            GL.glRenderbufferStorage(GL.GL_RENDERBUFFER, pixel_format, size, size)
            GL.glFramebufferRenderbuffer(GL.GL_FRAMEBUFFER, attachment, GL.GL_RENDERBUFFER, buffer)
        GL.glUseProgram(self._program)
        GL.glEnable(GL.GL_DEPTH_TEST)
        GL.glEnable(GL.GL_CULL_FACE)
        GL.glClearColor(0, 0, 0, 0)

    def load(self, faces: NDArray[np.uint32], colours: Array) -> None:
        """Load the triangles (F, 3) and colours (V, 3) for the next calls of `draw`."""
        gl = self._gl
        self._indices = faces.size
        gl.glBindBuffer(gl.GL_ELEMENT_ARRAY_BUFFER, self._buffers[3])
        gl.glBufferData(gl.GL_ELEMENT_ARRAY_BUFFER, faces.nbytes, faces, gl.GL_STATIC_DRAW)
        self._fill(2, colours)

    def draw(
        self, vertices: Array, normals: Array, camera: Camera, light: Light
    ) -> NDArray[np.uint8]:
        """Return an image (H, W, 4) of the mesh on a transparent background, BGRA.

        Args:
            vertices: Positions (V, 3) in metres.
            normals: Normals (V, 3) of about unit length.
            camera: Camera whose images are no larger than `size`.
            light: Light on the mesh.
        """
        gl = self._gl
        self._fill(0, vertices)
        self._fill(1, normals)
        gl.glUniformMatrix4fv(self._uniform("projection"), 1, True, camera.projection)
        for name, value in (
            ("lamp_direction", light.direction),
            ("lamp_colour", light.lamp_colour),
            ("sky", light.sky_colour),
            ("ground", light.ground_colour),
        ):
            gl.glUniform3f(self._uniform(name), *(float(component) for component in value))
        gl.glViewport(0, 0, camera.width, camera.height)
        gl.glClear(gl.GL_COLOR_BUFFER_BIT | gl.GL_DEPTH_BUFFER_BIT)
        gl.glDrawElements(gl.GL_TRIANGLES, self._indices, gl.GL_UNSIGNED_INT, None)
        pixels = gl.glReadPixels(0, 0, camera.width, camera.height, gl.GL_BGRA, gl.GL_UNSIGNED_BYTE)
        image = np.frombuffer(pixels, np.uint8).reshape(camera.height, camera.width, 4)
        return image[::-1]

    def close(self) -> None:
        """Delete the drawing context."""
        self._platform.delete_context()

    def _uniform(self, name: str) -> int:
        return int(self._gl.glGetUniformLocation(self._program, name))

    def _fill(self, index: int, values: Array) -> None:
        gl = self._gl
        data = np.ascontiguousarray(values, np.float32)
        gl.glBindBuffer(gl.GL_ARRAY_BUFFER, self._buffers[index])
        gl.glBufferData(gl.GL_ARRAY_BUFFER, data.nbytes, data, gl.GL_STREAM_DRAW)
        gl.glEnableVertexAttribArray(index)
        gl.glVertexAttribPointer(index, 3, gl.GL_FLOAT, False, 0, None)


def usable_platform() -> str:
    """Return the name of an installed platform: PYOPENGL_PLATFORM, or else OSMesa or EGL.

    PyOpenGL selects its platform on the first import and cannot change it. Therefore the libraries
    are loaded here without PyOpenGL.

    Raises:
        WorkerError: Neither OSMesa nor EGL is installed.
    """
    import ctypes

    requested = os.environ.get("PYOPENGL_PLATFORM")
    libraries = {
        "osmesa": ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"),
        "egl": ("libEGL.so.1", "libEGL.so"),
    }
    for platform in (requested,) if requested in libraries else tuple(libraries):
        for library in libraries[platform]:
            try:
                ctypes.CDLL(library)
            except OSError:
                continue
            return platform
    raise WorkerError(
        "rendering needs OSMesa or EGL, and neither is installed; run apt-get install libosmesa6"
    )


def _open_platform(size: int) -> Any:
    platform = usable_platform()
    os.environ["PYOPENGL_PLATFORM"] = platform
    import OpenGL

    # Checking for errors after every call takes as long as drawing.
    OpenGL.ERROR_CHECKING = False
    try:
        if platform == "osmesa":
            from pyrender.platforms.osmesa import OSMesaPlatform

            context = OSMesaPlatform(size, size)
        else:
            from pyrender.platforms import egl

            context = egl.EGLPlatform(size, size, egl.get_default_device())
        context.init_context()
        context.make_current()
    except (ImportError, AssertionError, OSError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in ("pyrender", "OpenGL"):
            raise
        raise WorkerError(
            f"{platform} is installed but does not work ({error}); run apt-get install libosmesa6"
        ) from error
    return context
