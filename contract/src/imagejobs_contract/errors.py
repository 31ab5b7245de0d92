"""One tree of errors. Each class says when it is raised; each program maps the tree once, at its edge."""

from collections.abc import Sequence
from typing import NamedTuple

from imagejobs_contract.codes import Code, meaning


class Fault(NamedTuple):
    """One mistake in an input: the path of the field, and the mistake with the allowed range."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ImageJobsError(Exception):
    """Any error that carries a code of ours."""

    code: Code = Code.INTERNAL_ERROR

    def __init__(self, message: str = "", *, code: Code | None = None) -> None:
        self.code = code or self.code
        self.message = message or meaning(self.code).sentence
        super().__init__(self.message)


class Invalid(ImageJobsError):
    """Raised once for an input, with every fault in it."""

    code = Code.INVALID_OPTIONS

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


class ImageFailed(ImageJobsError):
    """Raised when one image cannot become its result; the job's other images go on.

    Attributes:
        wait_seconds: How long the source asks its clients to wait; 0 if it does not.
        permanent: The same answer would come again, although the code has others that pass.
        cpu_micros: Processor time that was spent until then, in microseconds, as far as it is known.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: Code | None = None,
        wait_seconds: float = 0.0,
        permanent: bool = False,
    ) -> None:
        self.wait_seconds = wait_seconds
        self.permanent = permanent
        self.cpu_micros = 0
        super().__init__(message, code=code)


class NotFound(ImageJobsError):
    """Raised when the requested thing does not exist."""

    code = Code.NOT_FOUND


class PriorityClassNotFound(NotFound):
    """Raised where the pods of a Job would have a PriorityClass that the cluster does not have."""


class AlreadyExists(ImageJobsError):
    """Raised when something of that name is there already."""

    code = Code.CONFLICT


class Conflict(ImageJobsError):
    """Raised when the thing changed since it was read; read it again."""

    code = Code.CONFLICT


class Unavailable(ImageJobsError):
    """Raised when an outside system does not answer or refuses for the moment; a repeat may help.

    Attributes:
        public: More than "it does not answer" in words that anybody may read, or "".
    """

    code = Code.UNAVAILABLE

    def __init__(
        self, message: str = "", *, retry_after_seconds: float | None = None, public: str = ""
    ) -> None:
        self.retry_after_seconds = retry_after_seconds
        self.public = public
        super().__init__(message)


class Misconfigured(ImageJobsError):
    """Raised when an outside system rejects our credentials or settings; a repeat does not help.

    Attributes:
        public: The fault in words that anybody may read, or "".
    """

    code = Code.STORAGE_ERROR

    def __init__(self, message: str = "", *, public: str = "") -> None:
        self.public = public
        # Where nobody knows what is wrong, a repeat is worth a try.
        super().__init__(message, code=Code.MISCONFIGURED if public else None)


class TooLarge(ImageJobsError):
    """Raised when data is larger than the limit under which it was read."""

    code = Code.FILE_TOO_LARGE


class Refused(ImageJobsError):
    """Raised when a URL leads to an address that users must not make our programs connect to."""

    code = Code.SOURCE_FORBIDDEN
