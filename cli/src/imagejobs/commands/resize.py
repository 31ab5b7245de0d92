"""`imagejobs resize`: send pictures to a server, and save what comes back."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from imagejobs.client import batches
from imagejobs.client.service import Service, ServiceError

URL_VARIABLE, KEY_VARIABLE = "IMAGEJOBS_URL", "IMAGEJOBS_KEY"
DEFAULT_URL = "http://127.0.0.1:8080"


@click.command()
@click.argument("pictures", nargs=-1, required=True)
@click.option("--url", help=f"The server.  [default: {URL_VARIABLE}, or {DEFAULT_URL}]")
@click.option(
    "--key", help=f"API key, if the server wants one. Better: {KEY_VARIABLE}, which `ps` does not show."
)
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the API, such as width=800 or format=webp; once for each.",
)
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("resized"),
    show_default=True,
    help="The folder for the results.",
)
@click.pass_obj
def resize(
    environ: dict[str, str],
    pictures: Sequence[str],
    url: str | None,
    key: str | None,
    options: Sequence[str],
    to: Path,
) -> None:
    """Resize PICTURES (files, or http(s) addresses) at a server, and save the results.

    An original is never written over. The exit code is 1 if a picture failed.
    """
    chosen = _read_options(options)
    files, urls = _read_pictures(pictures)
    service = _open(url or environ.get(URL_VARIABLE) or DEFAULT_URL, key or environ.get(KEY_VARIABLE) or "")
    taken = {path.resolve() for path, _ in files}
    failed = 0
    try:
        for job_id in _send(service, files, urls, chosen):
            service.wait(job_id)
            failed += sum(not _save(service, each, to, taken) for each in service.results(job_id))
    except ServiceError as ex:
        raise click.ClickException(str(ex)) from ex
    finally:
        service.close()
    if failed:
        raise click.ClickException(f"{failed} of {len(pictures)} failed.")


def _read_options(options: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in options]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise click.UsageError(f"--option {name}: is NAME=VALUE, such as width=800.")
    chosen = {name: value for name, _, value in pairs}
    if len(chosen) < len(pairs):
        raise click.UsageError("--option: one of them is given twice.")
    return chosen


def _read_pictures(pictures: Sequence[str]) -> tuple[list[tuple[Path, int]], list[str]]:
    """Return the files with their bytes, and the addresses."""
    urls = [each for each in pictures if each.startswith(("http://", "https://"))]
    files = []
    for each in pictures:
        if each in urls:
            continue
        path = Path(each)
        if not path.is_file():
            raise click.UsageError(f"{each}: is no file.")
        files.append((path, path.stat().st_size))
    return files, urls


def _open(url: str, key: str) -> Service:
    try:
        return Service(url, key)
    except ServiceError as ex:
        raise click.UsageError(f"--url: {ex}") from ex


def _send(
    service: Service, files: Sequence[tuple[Path, int]], urls: Sequence[str], options: dict[str, str]
) -> Iterator[str]:
    """Yield the jobs: each is sent when the one before it was seen to."""
    for batch in batches.split(files):
        yield service.send_files(batch, options)
    for first in range(0, len(urls), batches.MAX_BATCH_FILES):
        yield service.send_urls(urls[first : first + batches.MAX_BATCH_FILES], options)


def _save(service: Service, result: dict[str, Any], folder: Path, taken: set[Path]) -> bool:
    """Save the results of one picture, and say so; return whether there are any."""
    if result["error"]:
        words = [result["error"]["message"], result["error"].get("advice", "")]
        click.echo(f"{result['name']}: {' '.join(filter(None, words))}", err=True)
        return False
    paths = batches.name_outputs(result["name"], result["outputs"], folder, taken)
    for output, path in zip(result["outputs"], paths, strict=True):
        service.save(output["download_url"], path)
        taken.add(path)
        click.echo(
            f"{path}  {output['width']} x {output['height']}  {output['bytes']} of {result['bytes_in']} bytes"
        )
    return True
