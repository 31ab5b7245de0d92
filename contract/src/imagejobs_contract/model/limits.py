"""Every limit and its default, in one frozen value.

`docs/settings.md` is generated from the docstrings of the fields here. The numbers come from what peers ship,
and from Pillow's memory per pixel (WebP: 16 bytes).
"""

from typing import NamedTuple

MAX_SIDE = 16_383
"""Pixels a side: the largest that WebP can hold, and below JPEG's 65,535."""
MAX_ITEMS = 500
"""Images in the spec itself; more go through a manifest. 500 x 2.5 kB stays below etcd's 1.5 MB."""
MAX_MANIFEST_ITEMS = 1_000_000
MAX_VARIANTS = 16
MAX_STATUS_OUTCOMES = 16
MAX_STATUS_FAILURES = 10
MAX_UPLOAD_FILES = 500
"""Of one `POST /api/uploads`: as many as an ImageJob holds."""
MAX_UPLOAD_PARTS = 1000
"""Of all its files together: a link takes some 700 bytes of the answer."""
MIN_PART_BYTES, MAX_PART_BYTES = 5 * 2**20, 5 * 2**30
"""Of S3; the smallest does not bind the last part, the largest is also that of a single PUT."""
UPLOAD_SECONDS = 86_400
"""New jobs may name an upload for this time after its links were made. The bucket keeps uploads for 8 days,
for the longest job.
"""
MAX_ATTEMPTS = 10
MAX_SHARDS = 200
"""An Indexed Job keeps its finished pods until it ends; thousands of them load the kubelet
(kubernetes#116159).
"""
MAX_KEY_LENGTH = 1024
"""Of an S3 key, which S3 counts in bytes."""
MAX_PREFIX_LENGTH = 512
CLUSTER_CLASS_PREFIX = "system-"
"""Priority classes of Kubernetes' own parts: pods with such a class may evict any other pod from its node."""
MAX_URL_LENGTH = 2048
MAX_NAME_LENGTH = 255
MAX_POOL_ITEMS = 16
"""`execution: Auto` uses the pool up to this many images."""


class Limits(NamedTuple):
    """Bounds that an operator of the service may change.

    No dataclass, which would take every process 2 ms to make.
    """

    max_pixels: int = 50_000_000
    """Pixels of one frame."""
    max_total_pixels: int = 100_000_000
    """Pixels of all frames together."""
    max_frames: int = 256
    max_side: int = MAX_SIDE
    max_file_bytes: int = 32 * 2**20
    min_source_bytes_per_second: int = 1024
    """A source whose image comes more slowly for 5 s is given up (`source_timeout`); a 20 kB picture takes
    all of its 20 s at that.
    """
    max_batch_files: int = 64
    max_batch_bytes: int = 256 * 2**20
    image_seconds: float = 30.0
    """Wall time for the decoding, resizing and encoding of one image."""
    queue_seconds: float = 600.0
    """Wall time a job may wait before its first image is taken."""
    job_seconds: float = 3600.0
    """Wall time of a job, from its start."""
    max_queued_images: int = 10_000
    """Images waiting in the pool, over which POSTs are answered 429."""
    max_caller_queued_images: int = 100_000
    """Images of one caller that have not ended, over which its POSTs are answered 429; the file of callers
    may say otherwise.
    """
    max_caller_pool_images: int = 2_500
    """Of these, images that the pool works on, or will; a quarter of MAX_QUEUED_IMAGES, so that one caller
    does not fill the pool. The file of callers may say otherwise.
    """
    max_caller_samples: int = 100
    """Samples of one caller that exist at once, those that have ended too; further ones are answered 429.
    Without keys all callers are one.
    """
    max_owner_share: float = 0.75
    """Part of the pool's workers that the images of one owner (a namespace and a caller) hold while another
    owner waits. At least one worker; all but one at most.
    """
    owner_long_seconds: float = 1.0
    """An owner whose images take this long keeps to its share while another owner was seen lately, also if
    nobody waits: a worker is then free for a short image.
    """
    owner_present_seconds: float = 30.0
    """For this time after its last image another owner counts as seen lately."""
    max_owner_pods: int = 100
    """Pods at a time of all large jobs of one owner; further jobs wait for their turn as `Queued`."""
    max_listed_jobs: int = 20_000
    """Newest jobs that `GET /api/jobs` lists, kept in each API process at about 2 kB; older ones are still
    found by their ids.
    """
    max_bytes_in_flight: int = 512 * 2**20
    """Bytes of uploads being received by one API process, over which POSTs are answered 429."""
    max_caller_bytes_in_flight: int = 256 * 2**20
    """The same for one caller; the file of callers may say otherwise."""
    max_held_bytes: int = 40 * 2**20
    """Bytes of files that one API process holds on their way to S3: over it, bodies are left unread in turn,
    and POSTs are answered 429.
    """
    max_job_body_bytes: int = 4 * 2**20
    """Body of `POST /api/jobs`: some 40,000 images by key or URL; more go through a manifest."""
    max_manifest_bytes: int = 2**30
    """A caller's manifest; a million lines with keys of 200 characters are 250 MB."""
    max_lists_at_once: int = 2
    """Manifests that one API process makes, lists or counts at once; further requests are answered 429."""
    max_connections: int = 4_000
    """Connections of one API process; further ones are answered 503 and closed."""
    max_requests_per_minute: int = 30_000
    """Requests of all callers together, in all API processes."""
    max_caller_requests_per_minute: int = 6_000
    """Requests of one caller; the file of callers may say otherwise."""
    max_traces_per_second: float = 50.0
    """Traces that one API process begins where tracing is on, whatever the `traceparent` of a request says;
    further requests are not traced.
    """
    max_event_streams: int = 2000
    """Streams of progress events open on one API process, 20 kB each."""
    max_caller_event_streams: int = 200
    """Of these, streams of one caller, where callers have keys."""
    max_archive_streams: int = 16
    """Archives that one API process sends at a time, up to 20 MB each."""
    max_caller_archive_streams: int = 4
    """Of these, archives of one caller, where callers have keys."""
    max_archive_files: int = 20_000
    """Files in one archive, 0.4 kB of the API's memory each; of larger jobs parts are asked for."""
