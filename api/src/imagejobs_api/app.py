"""The application: what is handed in, wired to routes. Nothing else."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import falcon
from falcon.media import JSONHandler

from imagejobs_api.admission.authentication import Gate
from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.admission.rate_limits import RateLimits, Throttle
from imagejobs_api.admission.stream_limits import OpenStreams
from imagejobs_api.archive.contents import ContentsReader
from imagejobs_api.archive.packing import Packer
from imagejobs_api.archive.resource import Archives
from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_api.callers.permissions import Allowance
from imagejobs_api.docspage.resource import Docs
from imagejobs_api.http import errors, json_text
from imagejobs_api.http.browser_security import Hosts, SecurityHeaders, Sites, cross_origin
from imagejobs_api.http.connection import App, Request
from imagejobs_api.http.host_list import HostList
from imagejobs_api.http.request_log import RequestLog
from imagejobs_api.jobs.collection import JobList
from imagejobs_api.jobs.downloads import Downloads
from imagejobs_api.jobs.resource import Jobs
from imagejobs_api.jobs.results import Results
from imagejobs_api.listing.index import Index
from imagejobs_api.listing.indexed_store import IndexedStore
from imagejobs_api.listing.reflector import Reflector
from imagejobs_api.openapi.document import document
from imagejobs_api.openapi.resource import Document
from imagejobs_api.openapi.served_address import ServedAddress
from imagejobs_api.ops.health import Health, Ready
from imagejobs_api.ops.metrics import Metrics, RequestMetrics
from imagejobs_api.ops.request_spans import RequestSpans
from imagejobs_api.progress.announcements import Announcements
from imagejobs_api.progress.events import Events
from imagejobs_api.progress.resource import Progress
from imagejobs_api.progress.waiting import Waiting
from imagejobs_api.progress.watchers import JobWatchers
from imagejobs_api.settings import Settings
from imagejobs_api.submit.callback_url import Callbacks
from imagejobs_api.submit.faceless import FacelessStore
from imagejobs_api.submit.forms import batch_form, crop_form, resize_form, url_form
from imagejobs_api.submit.handoff_writer import Shelf
from imagejobs_api.submit.intake import Creation, Intake
from imagejobs_api.submit.job_intake import Orders
from imagejobs_api.submit.new_jobs import NewJobs
from imagejobs_api.submit.resource import Submissions, Submitter
from imagejobs_api.uploads.resource import UploadLinks
from imagejobs_api.view.links import Links
from imagejobs_api.view.live_board import BoardWithBreaker
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_contract.model.options import Gravity
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.ports import JobStore, ProgressBoard, TaskQueue
from imagejobs_contract.runtime.traces import NOOP_TRACER, Tracer
from imagejobs_contract.storage import LinkSigner, ObjectStore, PartUploads

Run = Callable[[], Coroutine[Any, Any, None]]


class Lifecycle:
    """Falcon middleware: runs what has to run beside the requests, as long as the app."""

    def __init__(self, *runs: Run) -> None:
        self._runs = runs
        self._tasks: list[asyncio.Task[None]] = []

    async def process_startup(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Start it."""
        self._tasks = [asyncio.create_task(run()) for run in self._runs]

    async def process_shutdown(self, scope: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Stop it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def create_app(
    settings: Settings,
    store: JobStore,
    board: ProgressBoard,
    queue: TaskQueue,
    objects: ObjectStore,
    signer: LinkSigner,
    parts: PartUploads,
    callers: CallersFile | None = None,
    announcements: Announcements | None = None,
    metrics: Metrics | None = None,
    rates: RateLimits | None = None,
    index: Index | None = None,
    traces: Tracer = NOOP_TRACER,
    shelf: Shelf | None = None,
) -> App:
    """Return the application.

    Args:
        callers: None lets anybody in.
        announcements: Handed in by a server that wants to release held answers and streams before it stops.
        metrics: Handed in by a server that shows them.
        rates: Handed in by a server that has Redis; else this process counts for itself.
        index: Handed in with a store that notes in it what it reads.
        traces: Handed in by a server that tells a collector.
        shelf: Handed in by a server whose workers are on the same machine.
    """
    limits, namespace = settings.limits, settings.namespace
    if index is None:
        index = Index(limits.max_listed_jobs)
        store = IndexedStore(store, index)
    if not settings.find_faces:
        store = FacelessStore(store, index)
    listed = index
    follower = Reflector(store, index, {namespace, *(callers.namespaces if callers else ())})
    metrics = Metrics() if metrics is None else metrics
    announcements = Announcements(board) if announcements is None else announcements
    waiting = Waiting(store)
    live = BoardWithBreaker(board)
    outcomes = Outcomes(live, objects)
    links = Links(signer, settings.public_url, settings.link_seconds)
    quotas = Quotas(limits, queue, index.open_images)
    metrics.set_source(metrics.bytes_in_flight, lambda: quotas.bytes_in_flight)
    metrics.set_source(metrics.listed_jobs, lambda: len(listed))
    metrics.set_source(metrics.list_age, lambda: follower.age_seconds)
    if callers:
        metrics.set_source(metrics.callers_current, lambda: callers.is_current)
    event_streams = OpenStreams("event streams", limits.max_event_streams, limits.max_caller_event_streams)
    archive_streams = OpenStreams("archives", limits.max_archive_streams, limits.max_caller_archive_streams)
    metrics.set_source(metrics.open_streams.labels("events"), lambda: len(event_streams))
    metrics.set_source(metrics.open_streams.labels("archives"), lambda: len(archive_streams))
    callbacks = Callbacks(
        AddressGuard(settings.callbacks), signed=settings.callbacks_signed, folder=settings.callers_secrets
    )
    creation, guard = Creation(store, objects), AddressGuard(settings.sources)
    allowance = Allowance(settings.source_prefixes, settings.output_prefixes)
    shelf = shelf or Shelf()
    intake = Intake(creation, objects, shelf, quotas, limits, guard, callbacks)
    orders = Orders(creation, objects, quotas, limits, guard, callbacks, allowance)
    submitter = Submitter(waiting, links, settings.default_wait_seconds)
    counts = LiveCounts(live)
    feeds = JobWatchers(store, counts, outcomes)
    announcements.add_listener(waiting)
    announcements.add_listener(feeds)
    runs: list[Run] = [announcements.run, follower.run, shelf.tend, *([callers.watch] if callers else [])]
    app = App(
        request_type=Request,
        middleware=_middleware(settings, callers, metrics, rates or RateLimits(limits, None), runs, traces),
    )
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = JSONHandler(dumps=json_text.dumps)
    errors.install(app)
    forms = {
        "resize": resize_form(limits),
        "center-crop": crop_form(limits, Gravity.CENTER),
        "face-crop": crop_form(limits, Gravity.FACE),
        "batch": batch_form(limits),
        "upload-from-url": url_form(limits),
    }
    for name, form in forms.items():
        app.add_route(f"/api/{name}", Submissions(submitter, intake, outcomes, links, form))
    jobs = Jobs(store, counts, outcomes, objects, links)
    uploads = UploadLinks(objects, parts, signer, limits, settings.link_seconds)
    app.add_route("/api/uploads", uploads)
    app.add_route("/api/uploads/complete", uploads, suffix="complete")
    app.add_route("/api/uploads/abort", uploads, suffix="abort")
    app.add_route(
        "/api/jobs", JobList(store, index, follower, counts, links, NewJobs(submitter, orders, counts))
    )
    app.add_route("/api/jobs/{identifier}", jobs)
    app.add_route("/api/jobs/{identifier}/suspend", jobs, suffix="suspend")
    app.add_route("/api/jobs/{identifier}/resume", jobs, suffix="resume")
    app.add_route("/api/jobs/{identifier}/cancel", jobs, suffix="cancel")
    app.add_route("/api/jobs/{identifier}/retry", jobs, suffix="retry")
    app.add_route("/api/jobs/{identifier}/callback", jobs, suffix="callback")
    app.add_route("/api/jobs/{identifier}/results", Results(store, outcomes, links))
    archives = Archives(
        store, ContentsReader(outcomes, objects), Packer(objects), archive_streams, limits.max_archive_files
    )
    app.add_route("/api/jobs/{identifier}/archive", archives)
    app.add_route("/api/progress/{identifier}", Progress(store, counts, outcomes))
    app.add_route("/api/progress/{identifier}/events", Events(store, feeds, event_streams))
    app.add_route("/api/download/{identifier}", Downloads(store, objects, outcomes, links))
    told = document(settings)
    address = ServedAddress(links, HostList(settings.allowed_hosts))
    app.add_route("/api/openapi.json", Document(told, address))
    app.add_route("/docs", Docs(told, address))
    app.add_route("/healthz", Health())
    app.add_route("/readyz", Ready(store, objects, queue, namespace, settings.ready_parts))
    return app


def _middleware(
    settings: Settings,
    callers: CallersFile | None,
    metrics: Metrics,
    rates: RateLimits,
    runs: list[Run],
    traces: Tracer,
) -> list[Any]:
    """Return what stands around every route; answers pass it in the opposite order."""
    return [
        *([] if traces is NOOP_TRACER else [RequestSpans(traces)]),
        RequestLog(),
        RequestMetrics(metrics),
        SecurityHeaders(),
        *cross_origin(settings.cors_origins),
        Hosts(settings.allowed_hosts),
        *([] if callers else [Sites(settings.cors_origins)]),
        Gate(callers, settings.namespace),
        Throttle(rates),
        Lifecycle(*runs),
    ]
