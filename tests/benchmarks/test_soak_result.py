from benchmarks.soak_result import Result, Sample, held_to_the_end


def sample(time: float, *, megabytes: int = 500, threads: int = 30, sockets: int = 6) -> Sample:
    return Sample(time, megabytes * 1_000_000, threads, 13 + sockets, sockets)


def a_result(samples: list[Sample], checkpoints: list[Sample] | None = None) -> Result:
    checkpoints = checkpoints or [sample(100 + 20 * n) for n in range(10)]
    return Result(minutes=5, samples=samples, checkpoints=checkpoints)


def steady() -> list[Sample]:
    return [sample(time) for time in range(300)]


def test_what_stays_the_same_holds() -> None:
    assert held_to_the_end(a_result(steady())) == []


def test_memory_that_grows_while_all_warms_up_is_no_problem() -> None:
    samples = [sample(time, megabytes=min(300 + 3 * time, 500)) for time in range(300)]
    assert held_to_the_end(a_result(samples)) == []


def test_memory_that_grows_later_is_told() -> None:
    samples = [sample(time, megabytes=500 + time // 2) for time in range(300)]
    problems = held_to_the_end(a_result(samples))
    assert [problem[-7:] for problem in problems] == ["at last", "at most"]


def test_a_single_leap_of_memory_is_told() -> None:
    samples = [*steady(), sample(300, megabytes=600)]
    (problem,) = held_to_the_end(a_result(samples))
    assert problem == "resident memory: 500 MB at first, 600 MB at most"


def test_a_socket_left_behind_is_told() -> None:
    checkpoints = [sample(100), sample(120), sample(140, sockets=7)]
    (problem,) = held_to_the_end(a_result(steady(), checkpoints))
    assert problem == "at 140 s descriptors and sockets are (20, 7) and were (19, 6)"


def test_a_pool_may_grow_at_first_and_threads_may_not_be_left_behind_later() -> None:
    counts = [30, 32, 31, 32, 32, 32]
    early = [sample(100 + n, threads=threads) for n, threads in enumerate(counts)]
    assert held_to_the_end(a_result(steady(), early)) == []
    leaking = [sample(100 + n, threads=30 + n) for n in range(6)]
    assert len(held_to_the_end(a_result(steady(), leaking))) == 3


def test_a_source_that_was_held_up_is_told() -> None:
    result = a_result(steady())
    result.longest_gap = 1.6
    assert held_to_the_end(result) == ["the calm source: no prediction for 1.6 s"]


def test_one_moment_alone_tells_nothing() -> None:
    assert "too short" in held_to_the_end(a_result(steady(), [sample(100)]))[0]
