from http import HTTPStatus

import cv2
import numpy as np
import pytest

from dancetype.stream.sources.base import Frame
from dancetype.stream.web.pages import Page
from dancetype.stream.web.preview import Preview


class PreviewSetup:
    """Preview of one source, with a clock set by the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.preview = Preview(["left wing"], clock=lambda: self.now)

    def capture(self, width: int, height: int, brightness: int = 200) -> None:
        image = np.full((height, width, 3), brightness, np.uint8)
        for observer in self.preview.observers("left wing"):
            observer.on_frame(Frame(image, self.now, 0, 0), [])

    async def page(self, authorised: bool = True) -> Page:
        page = self.preview.routes["/preview/left wing"](authorised)
        assert not isinstance(page, Page)
        return await page


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(1920, 1080, (360, 640)), (1080, 1920, (1138, 640)), (320, 240, (240, 320))],
)
async def test_newest_frame_is_served_scaled_down(
    width: int, height: int, shape: tuple[int, int]
) -> None:
    setup = PreviewSetup()
    setup.capture(width, height, brightness=10)
    setup.capture(width, height, brightness=200)
    page = await setup.page()
    assert (page.status, page.media_type) == (HTTPStatus.OK, "image/jpeg")
    image = cv2.imdecode(np.frombuffer(page.body, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[:2] == shape
    assert abs(float(image.mean()) - 200) < 3


async def test_old_frame_is_not_served() -> None:
    setup = PreviewSetup()
    setup.capture(64, 48)
    setup.now += 10
    assert (await setup.page()).status == HTTPStatus.NO_CONTENT


async def test_no_image_before_first_frame() -> None:
    assert (await PreviewSetup().page()).status == HTTPStatus.NO_CONTENT


async def test_unauthorised_request_gets_no_image() -> None:
    setup = PreviewSetup()
    setup.capture(64, 48)
    page = await setup.page(authorised=False)
    assert page.status == HTTPStatus.UNAUTHORIZED
    assert not page.body.startswith(b"\xff\xd8")


async def test_requests_for_the_same_frame_share_its_jpeg() -> None:
    setup = PreviewSetup()
    setup.capture(64, 48)
    assert (await setup.page()).body is (await setup.page()).body
