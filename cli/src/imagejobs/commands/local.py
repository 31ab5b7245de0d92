"""`imagejobs local`: everything on this machine, until Ctrl-C."""

from pathlib import Path

import click

from imagejobs.local import stack
from imagejobs.local.errors import BadSettings, CannotRun
from imagejobs.local.options import LocalOptions


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Where jobs, images and logs are kept.  [default: .imagejobs]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Port of the API; fails if it is taken.  [default: 8080, or the next free one]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Worker processes.  [default: one per four cores, with an image per core]",
)
@click.option(
    "--ephemeral",
    is_flag=True,
    help="For test suites: a temporary folder instead of --data, gone at the end, and any free ports.",
)
@click.pass_obj
def local(
    environ: dict[str, str], data: Path | None, port: int | None, workers: int | None, ephemeral: bool
) -> None:
    """Run everything on this machine, until Ctrl-C.

    Uses servers that run already: REDIS_URL; S3_ENDPOINT with S3_BUCKET and credentials.
    """
    if ephemeral and data:
        raise click.UsageError("--ephemeral makes a folder of its own: leave out --data.")
    try:
        options = LocalOptions.gather(environ, data=data, port=port, workers=workers, ephemeral=ephemeral)
        stack.run(options, say=_say, show=click.echo)
    except CannotRun as ex:
        raise (_BadSettings if isinstance(ex, BadSettings) else click.ClickException)(str(ex)) from ex


class _BadSettings(click.ClickException):
    exit_code = 2


def _say(text: str) -> None:
    click.echo(f"imagejobs: {text}", err=True)
