"""The application: makes one of each part, connects them, and gives every route its resource.

It opens nothing and reads no environment: `wiring` hands in the ports to outside systems.
"""

from dataclasses import dataclass
from typing import Any

import falcon
from falcon.media import JSONHandler

from imagejobs_api.admission.authentication import Authentication
from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.admission.rate_limits import RateLimits, Throttle
from imagejobs_api.admission.stream_limits import StreamLimit
from imagejobs_api.archive.contents import ContentsReader
from imagejobs_api.archive.failed_sources import FailedSources
from imagejobs_api.archive.packing import Packer
from imagejobs_api.archive.resource import Archives
from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_api.callers.permissions import ClusterRights, Prefixes
from imagejobs_api.docspage.page import SCRIPT_PATH
from imagejobs_api.docspage.resource import Docs, DocsScript
from imagejobs_api.http import error_handlers, json_io
from imagejobs_api.http.browser_security import (
    AllowedHosts,
    CrossSiteGuard,
    SecurityHeaders,
    cors_middleware,
)
from imagejobs_api.http.connection import App, Request
from imagejobs_api.http.host_list import HostList
from imagejobs_api.http.lifecycle import Lifecycle
from imagejobs_api.http.request_log import RequestLog
from imagejobs_api.jobs.collection import JobList
from imagejobs_api.jobs.downloads import Downloads
from imagejobs_api.jobs.resource import Jobs
from imagejobs_api.jobs.results import Results
from imagejobs_api.listing.index import Index
from imagejobs_api.listing.reflector import Reflector
from imagejobs_api.openapi.document import document
from imagejobs_api.openapi.resource import Document
from imagejobs_api.openapi.served_address import ServedAddress
from imagejobs_api.ops.health import Health, Ready
from imagejobs_api.ops.metrics import Metrics, RequestMetrics
from imagejobs_api.ops.request_spans import RequestSpans
from imagejobs_api.page.resource import Assets, PageView
from imagejobs_api.page.site import load_site
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.presets.resource import PresetList
from imagejobs_api.progress.announcements import Announcements
from imagejobs_api.progress.events import Events
from imagejobs_api.progress.resource import Progress
from imagejobs_api.progress.waiting import Waiting
from imagejobs_api.progress.watchers import JobWatchers
from imagejobs_api.settings import Settings
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.creation import JobCreator
from imagejobs_api.submit.earlier_images import EarlierImages
from imagejobs_api.submit.form_intake import FormIntake
from imagejobs_api.submit.forms import batch_form, crop_form, resize_form, sample_form, url_form
from imagejobs_api.submit.handoff_writer import HandoffWriter
from imagejobs_api.submit.job_intake import JobIntake
from imagejobs_api.submit.preferred_wait import PreferredWait
from imagejobs_api.submit.resource import FormResource
from imagejobs_api.uploads.resource import UploadLinks
from imagejobs_api.usage.resource import UsageDays
from imagejobs_api.view.links import Links
from imagejobs_api.view.live_board import BoardWithBreaker
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_api.view.outcomes import Outcomes
from imagejobs_api.view.watch_tickets import WatchTickets
from imagejobs_api.watch import resource as watch_resource
from imagejobs_api.watch.resource import Watch
from imagejobs_contract.model.options import Gravity
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.ports import JobStore, ProgressBoard, TaskQueue
from imagejobs_contract.runtime.traces import NOOP_TRACER, Tracer
from imagejobs_contract.storage import LinkSigner, ObjectStore, PartUploads


@dataclass(frozen=True, slots=True)
class Ports:
    """The systems outside of this process; `wiring` opens and closes them.

    Attributes:
        store: Notes each job that passes through it in `Services.index`.
    """

    store: JobStore
    board: ProgressBoard
    queue: TaskQueue
    objects: ObjectStore
    signer: LinkSigner
    parts: PartUploads


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that the server process uses too, beside the application.

    Attributes:
        callers: None lets every caller in, without a key.
        announcements: The server releases held answers and event streams by it before it stops.
        handoff: Copies uploads for workers on this machine, or does nothing.
        presets: Of those who run the service.
    """

    callers: CallersFile | None
    index: Index
    announcements: Announcements
    metrics: Metrics
    rates: RateLimits
    tracer: Tracer
    handoff: HandoffWriter
    presets: Presets


class _Shared:
    """The parts that several routes share: one of each, as long as the app lives."""

    def __init__(self, settings: Settings, ports: Ports, services: Services) -> None:
        limits = settings.limits
        self.follower = Reflector(ports.store, services.index, namespaces(settings, services.callers))
        index = services.index
        self.quotas = Quotas(
            limits, ports.queue, index.open_images, pool_images=index.pool_images, samples=index.samples
        )
        live = BoardWithBreaker(ports.board)
        self.counts = LiveCounts(live)
        self.outcomes = Outcomes(live, ports.objects)
        self.tickets = WatchTickets(settings.watch_secrets, settings.link_seconds)
        self.links = Links(
            ports.signer,
            settings.public_url,
            settings.link_seconds,
            self.tickets,
            with_keys=bool(settings.callers_file),
        )
        self.feeds = JobWatchers(ports.store, self.counts, self.outcomes)
        self.waiting = Waiting(ports.store)
        self.wait = PreferredWait(
            self.waiting, self.links, settings.default_wait_seconds, settings.class_name
        )
        self.event_streams = StreamLimit(
            "event streams", limits.max_event_streams, limits.max_caller_event_streams
        )
        self.archive_streams = StreamLimit(
            "archives", limits.max_archive_streams, limits.max_caller_archive_streams
        )


def create_app(settings: Settings, ports: Ports, services: Services) -> App:
    """Return the application."""
    shared = _Shared(settings, ports, services)
    services.announcements.add_listener(shared.waiting)
    services.announcements.add_listener(shared.feeds)
    _watch_gauges(services, shared)
    app = App(request_type=Request, middleware=_middleware(settings, services, shared.follower))
    app.req_options.strip_url_path_trailing_slash = True
    app.resp_options.media_handlers[falcon.MEDIA_JSON] = JSONHandler(dumps=json_io.dumps)
    error_handlers.install(app)
    _add_submit_routes(app, settings, ports, services, shared)
    _add_upload_routes(app, settings, ports)
    _add_job_routes(app, settings, ports, shared)
    _add_service_routes(app, settings, ports, services, shared)
    return app


def namespaces(settings: Settings, callers: CallersFile | None) -> set[str]:
    """Return the namespaces that this process serves."""
    return {settings.namespace, *(callers.namespaces if callers else ())}


def _watch_gauges(services: Services, shared: _Shared) -> None:
    metrics, callers = services.metrics, services.callers
    metrics.set_source(metrics.bytes_in_flight, lambda: shared.quotas.bytes_in_flight)
    metrics.set_source(metrics.listed_jobs, lambda: len(services.index))
    metrics.set_source(metrics.list_age, lambda: shared.follower.age_seconds)
    if callers:
        metrics.set_source(metrics.callers_current, lambda: callers.is_current)
    metrics.set_source(metrics.open_streams.labels("events"), lambda: len(shared.event_streams))
    metrics.set_source(metrics.open_streams.labels("archives"), lambda: len(shared.archive_streams))


def _middleware(settings: Settings, services: Services, follower: Reflector) -> list[Any]:
    """Return the middleware of all routes. Requests pass it in this order, answers in the opposite one."""
    callers, tracer = services.callers, services.tracer
    runs = [services.announcements.run, follower.run, services.handoff.expire_copies]
    return [
        *([] if tracer is NOOP_TRACER else [RequestSpans(tracer)]),
        RequestLog(),
        RequestMetrics(services.metrics),
        SecurityHeaders(),
        *cors_middleware(settings.cors_origins),
        AllowedHosts(settings.allowed_hosts),
        *([] if callers else [CrossSiteGuard(settings.cors_origins)]),
        Authentication(callers, settings.namespace),
        Throttle(services.rates),
        Lifecycle([*runs, callers.watch] if callers else runs),
    ]


def _add_submit_routes(
    app: App, settings: Settings, ports: Ports, services: Services, shared: _Shared
) -> None:
    limits, objects, quotas, presets = settings.limits, ports.objects, shared.quotas, services.presets
    creator = JobCreator(ports.store, objects, find_faces=settings.find_faces)
    guard = AddressGuard(settings.sources)
    callbacks = CallbackUrls(
        AddressGuard(settings.callbacks), signed=settings.callbacks_signed, folder=settings.callers_secrets
    )
    earlier = EarlierImages(ports.store)
    intake = FormIntake(
        creator, objects, services.handoff, quotas, limits, guard, callbacks, presets, earlier
    )
    forms = {
        "resize": resize_form(limits),
        "center-crop": crop_form(limits, Gravity.CENTER),
        "face-crop": crop_form(limits, Gravity.FACE),
        "sample": sample_form(limits),
        "batch": batch_form(limits),
        "upload-from-url": url_form(limits),
    }
    for name, form in forms.items():
        resource = FormResource(shared.wait, intake, shared.outcomes, shared.links, form)
        app.add_route(f"/api/{name}", resource)
    prefixes = Prefixes(settings.source_prefixes, settings.output_prefixes)
    cluster = ClusterRights(settings.priority_classes, settings.queue_names)
    job_intake = JobIntake(creator, objects, quotas, limits, guard, callbacks, prefixes, cluster, presets)
    job_list = JobList(
        ports.store,
        services.index,
        shared.follower,
        shared.counts,
        shared.links,
        shared.wait,
        job_intake,
    )
    app.add_route("/api/jobs", job_list)
    app.add_route("/api/presets", PresetList(presets))


def _add_upload_routes(app: App, settings: Settings, ports: Ports) -> None:
    uploads = UploadLinks(ports.objects, ports.parts, ports.signer, settings.limits, settings.link_seconds)
    app.add_route("/api/uploads", uploads)
    app.add_route("/api/uploads/complete", uploads, suffix="complete")
    app.add_route("/api/uploads/abort", uploads, suffix="abort")


def _add_job_routes(app: App, settings: Settings, ports: Ports, shared: _Shared) -> None:
    store, objects = ports.store, ports.objects
    counts, outcomes, links = shared.counts, shared.outcomes, shared.links
    jobs = Jobs(store, counts, outcomes, objects, links)
    app.add_route("/api/jobs/{identifier}", jobs)
    app.add_route("/api/jobs/{identifier}/copy", jobs, suffix="copy")
    for action in ("suspend", "resume", "cancel", "retry", "callback"):
        app.add_route(f"/api/jobs/{{identifier}}/{action}", jobs, suffix=action)
    results = Results(store, outcomes, links)
    app.add_route("/api/jobs/{identifier}/results", results)
    librarian, max_files = ContentsReader(outcomes, objects), settings.limits.max_archive_files
    sources = FailedSources(outcomes, objects, settings.limits.max_file_bytes)
    archives = Archives(store, librarian, sources, Packer(objects), shared.archive_streams, max_files)
    app.add_route("/api/jobs/{identifier}/archive", archives)
    app.add_route("/api/progress/{identifier}", Progress(store, counts, outcomes))
    events = Events(store, shared.feeds, shared.event_streams)
    app.add_route("/api/progress/{identifier}/events", events)
    downloads = Downloads(store, objects, outcomes, links)
    app.add_route("/api/download/{identifier}", downloads)
    site = load_site()
    page = PageView(site, links)
    app.add_route("/", page)
    app.add_route("/jobs/{ids}", page)
    app.add_route("/assets/{name}", Assets(site))
    watch = Watch(
        shared.tickets, store, counts, links, events, results, archives, downloads, page, settings.namespace
    )
    app.add_route(watch_resource.PATH, watch)
    for part in ("events", "results", "archive"):
        app.add_route(f"{watch_resource.PATH}/{part}", watch, suffix=part)
    app.add_route(f"{watch_resource.PATH}/download/{{index}}", watch, suffix="download")


def _add_service_routes(
    app: App, settings: Settings, ports: Ports, services: Services, shared: _Shared
) -> None:
    app.add_route("/api/usage", UsageDays(ports.objects))
    described = document(settings, services.presets)
    address = ServedAddress(shared.links, HostList(settings.allowed_hosts))
    app.add_route("/api/openapi.json", Document(described, address))
    app.add_route("/docs", Docs(described, address))
    app.add_route(SCRIPT_PATH, DocsScript())
    app.add_route("/healthz", Health())
    ready = Ready(
        ports.store,
        ports.objects,
        ports.queue,
        settings.namespace,
        settings.ready_parts,
        settings.stay_ready_parts,
    )
    app.add_route("/readyz", ready)
