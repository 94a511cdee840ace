from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.pose.opening import open_estimator
from dancetype.stream.sources.pattern import draw_figure


def test_reset_recovers_estimator_that_rejects_frames(pose_model: Path) -> None:
    figure = draw_figure(0.2)
    with open_estimator(pose_model, runtime="mediapipe") as estimator:
        assert estimator.landmarks(figure, 0.0) is not None
        with pytest.raises(ValueError, match="timestamp"):
            estimator.landmarks(figure, 1e300)
        estimator.reset("test")
        found = estimator.landmarks(figure, 1.0)
    assert found is not None
    assert np.isfinite(found.world).all()
