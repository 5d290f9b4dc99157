"""Real process managers: whatever ends whichever process, all that was used is charged once."""

import signal

import pytest

pytest.importorskip("celery")
pytest.importorskip("gunicorn")

from faults.forks import (
    Matrix,
    Place,
    celery_prefork,
    forks,
    gunicorn_sync,
    gunicorn_threads,
    uvicorn_workers,
)

# Celery's own sender leaves sockets and deprecated calls behind.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """All of them, run once."""
    return Matrix(Place(tmp_path_factory.mktemp("m")))


def test_gunicorns_recycled_and_reloaded_workers_lose_nothing(matrix: Matrix) -> None:
    """Three workers and more, each gone after three requests; those of before and behind the reload; the last one."""
    ended, booked = matrix.of(gunicorn_sync)
    assert booked == ended.used
    assert ended.code == 0
    assert ended.said >= 3


def test_gunicorns_threads_behind_a_preloading_master_lose_nothing(matrix: Matrix) -> None:
    """Master and worker each record what they did themselves."""
    ended, booked = matrix.of(gunicorn_threads)
    assert booked == ended.used
    assert ended.code == 0
    assert len(ended.said) == 1


def test_uvicorns_workers_lose_nothing(matrix: Matrix) -> None:
    """Neither what they did last: their end runs no exit handlers."""
    ended, booked = matrix.of(uvicorn_workers)
    assert booked == ended.used
    assert ended.code == 0
    assert ended.said == 2


def test_forks_lose_nothing(matrix: Matrix) -> None:
    """However a child is made and ends, and it ends as it would without us."""
    ended, booked = matrix.of(forks)
    assert booked == ended.used
    assert ended.code == 0
    killed = {name for name, code in ended.said.items() if code == str(-signal.SIGTERM)}
    assert killed == {"kill", "raise"}
    assert {code for name, code in ended.said.items() if name not in killed} == {"0"}


def test_celerys_recycled_children_lose_nothing(matrix: Matrix) -> None:
    """Each task is charged to who sent it, although the worker itself attributes nothing."""
    ended, booked = matrix.of(celery_prefork)
    assert booked == ended.used
    assert ended.code == 0
    assert ended.said >= 3
