from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.errors import ModelError
from dancetype.engine.workers import WorkerPool
from dancetype.training.synthetic.orders import IdleOrder
from dancetype.training.synthetic.pool import open_renderer


def test_what_ails_a_process_is_told_to_the_one_that_started_it(tmp_path: Path) -> None:
    order = IdleOrder("idle_0", np.zeros((2, 17, 3), np.float32))
    opener = partial(open_renderer, tmp_path / "gone.task", tmp_path, 0)
    with WorkerPool(opener, processes=1) as pool:
        with pytest.raises(ModelError, match=r"gone\.task"):
            pool.start()
        with pytest.raises(ModelError, match=r"gone\.task"):
            list(pool.run([order]))
