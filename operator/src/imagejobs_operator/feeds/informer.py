"""Takes what a watch delivers: caches the jobs, and queues those at which there is something to do."""

from collections.abc import Callable

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.ports import JobEvent
from imagejobs_operator.feeds.cached_store import CachedStore


class Informer:
    """Implements `kubernetes.Listener`.

    Args:
        cache: Gives the jobs to the reconciler.
        add: Queues a key.
        is_settled: Records a job, and returns whether there is nothing to do for it until the resync says so.
    """

    def __init__(
        self, cache: CachedStore, add: Callable[[JobKey], None], is_settled: Callable[[ImageJob], bool]
    ) -> None:
        self._cache = cache
        self._add = add
        self._is_settled = is_settled

    def on_imagejob(self, seen: JobEvent, watch: str | None) -> None:
        """Cache a job, and queue it unless it is settled or an echo of our own write."""
        is_news = self._cache.deliver(seen, watch)
        if is_news and not (seen.job is not None and self._is_settled(seen.job)):
            self._add(seen.key)

    def on_child_job(self, owner: JobKey) -> None:
        """Queue the job of which a Job changed."""
        self._add(owner)

    def on_watch_end(self, watch: str | None) -> None:
        """Forget what was delivered."""
        self._cache.end_watch(watch)
