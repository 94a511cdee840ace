from benchmarks.soak_result import Result, Sample, find_problems


def sample(time: float, *, megabytes: int = 500, threads: int = 30, sockets: int = 6) -> Sample:
    return Sample(time, megabytes * 1_000_000, threads, 13 + sockets, sockets)


def soak_result(samples: list[Sample], checkpoints: list[Sample] | None = None) -> Result:
    checkpoints = checkpoints or [sample(100 + 20 * n) for n in range(10)]
    return Result(minutes=5, samples=samples, checkpoints=checkpoints)


def constant_samples() -> list[Sample]:
    return [sample(time) for time in range(300)]


def test_constant_resources_are_no_problem() -> None:
    assert find_problems(soak_result(constant_samples())) == []


def test_memory_growth_during_warm_up_is_no_problem() -> None:
    samples = [sample(time, megabytes=min(300 + 3 * time, 500)) for time in range(300)]
    assert find_problems(soak_result(samples)) == []


def test_memory_growth_after_warm_up_is_a_problem() -> None:
    samples = [sample(time, megabytes=500 + time // 2) for time in range(300)]
    problems = find_problems(soak_result(samples))
    assert [problem[-7:] for problem in problems] == ["at last", "at most"]


def test_peak_of_memory_is_a_problem() -> None:
    samples = [*constant_samples(), sample(300, megabytes=600)]
    (problem,) = find_problems(soak_result(samples))
    assert problem == "resident memory: 500 MB at first, 600 MB at most"


def test_leaked_socket_is_a_problem() -> None:
    checkpoints = [sample(100), sample(120), sample(140, sockets=7)]
    (problem,) = find_problems(soak_result(constant_samples(), checkpoints))
    assert problem == "at 140 s: 20 descriptors and 7 sockets instead of 19 and 6"


def test_new_threads_are_a_problem_only_in_the_second_half() -> None:
    counts = [30, 32, 31, 32, 32, 32]
    early = [sample(100 + n, threads=threads) for n, threads in enumerate(counts)]
    assert find_problems(soak_result(constant_samples(), early)) == []
    leaking = [sample(100 + n, threads=30 + n) for n in range(6)]
    assert len(find_problems(soak_result(constant_samples(), leaking))) == 3


def test_delay_of_the_source_without_faults_is_a_problem() -> None:
    result = soak_result(constant_samples())
    result.longest_gap = 1.6
    assert find_problems(result) == ["source without faults: no prediction for 1.6 s"]


def test_single_checkpoint_is_too_short() -> None:
    assert "too short" in find_problems(soak_result(constant_samples(), [sample(100)]))[0]
