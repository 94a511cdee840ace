from http import HTTPStatus

import cv2
import numpy as np
import pytest

from dancetype.stream.sources.base import Frame
from dancetype.stream.web.pages import Page
from dancetype.stream.web.preview import Preview


class Stage:
    """A preview of one source, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.preview = Preview(["left wing"], clock=lambda: self.now)

    def see(self, width: int, height: int, brightness: int = 200) -> None:
        image = np.full((height, width, 3), brightness, np.uint8)
        for observer in self.preview.observers("left wing"):
            observer.on_frame(Frame(image, self.now, 0, 0), [])

    async def page(self, authorised: bool = True) -> Page:
        made = self.preview.routes["/preview/left wing"](authorised)
        assert not isinstance(made, Page)
        return await made


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [(1920, 1080, (360, 640)), (1080, 1920, (1138, 640)), (320, 240, (240, 320))],
)
async def test_the_newest_frame_is_shown_small(
    width: int, height: int, shown: tuple[int, int]
) -> None:
    stage = Stage()
    stage.see(width, height, brightness=10)
    stage.see(width, height, brightness=200)
    page = await stage.page()
    assert (page.status, page.kind) == (HTTPStatus.OK, "image/jpeg")
    image = cv2.imdecode(np.frombuffer(page.body, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[:2] == shown
    assert abs(float(image.mean()) - 200) < 3


async def test_an_old_frame_is_no_live_picture() -> None:
    stage = Stage()
    stage.see(64, 48)
    stage.now += 10
    assert (await stage.page()).status == HTTPStatus.NO_CONTENT


async def test_before_the_first_frame_there_is_no_picture() -> None:
    assert (await Stage().page()).status == HTTPStatus.NO_CONTENT


async def test_who_does_not_know_the_token_sees_nothing() -> None:
    stage = Stage()
    stage.see(64, 48)
    page = await stage.page(authorised=False)
    assert page.status == HTTPStatus.UNAUTHORIZED
    assert not page.body.startswith(b"\xff\xd8")


async def test_those_who_look_at_one_frame_share_its_picture() -> None:
    stage = Stage()
    stage.see(64, 48)
    assert (await stage.page()).body is (await stage.page()).body
