"""The queue in an SQLite file: the contract, then what only a file can suffer."""

from pathlib import Path

import pytest

from contracts.job_queue import JobQueueContract


class TestSqliteQueue(JobQueueContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/queues/queue.db"
