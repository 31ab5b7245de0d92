"""Good photos among hostile files, through a real worker and real storage: each ends as it would alone."""

import asyncio
import json

from imagejobs_contract.model.options import Variant
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.result_lines import read_lines
from imagejobs_contract.wire.shards import Exit, Work, cut, offsets_json
from support.images import hostile_files, pictures
from support.worker.process import UID

GOOD, BAD = 50, 20
PHOTO = pictures.saved(pictures.photo(320, 240), "jpeg")


def chosen():
    """Return 20 of the nasty files, evenly over all kinds."""
    failing = [(data, code) for data, code in hostile_files.files().values() if code]
    return [failing[n * len(failing) // BAD] for n in range(BAD)]


def mixed():
    """Return sources and their codes: hostile files are between the photos, not behind them."""
    bad = iter(chosen())
    return [next(bad) if n % 7 in (2, 5) else (PHOTO, None) for n in range(GOOD + BAD)]


def lay_out(objects, sources):
    lines = [
        (json.dumps({"name": f"{n}.jpg", "key": f"in/{n}"}) + "\n").encode() for n in range(len(sources))
    ]
    work = Work((Variant(width=80),), "outputs/holiday", 3, len(lines))
    files = {f"in/{n}": data for n, (data, _) in enumerate(sources)} | {
        s3_keys.spec(UID): work.to_json().encode(),
        s3_keys.offsets(UID): offsets_json(cut([len(line) for line in lines], 1)).encode(),
        s3_keys.manifest(UID): b"".join(lines),
    }

    async def put():
        for key, data in files.items():
            await objects.put(key, data, content_type="application/octet-stream")

    asyncio.run(put())


def test_fifty_photos_with_twenty_nasty_files_end_in_fifty_results_and_twenty_right_codes(workers, objects):
    sources = mixed()
    lay_out(objects, sources)
    worker = workers.shard(0, CAGE="best", MAX_PARALLEL="2")
    assert worker.process.wait(120) == Exit.DONE
    ended = read_lines(asyncio.run(objects.get(s3_keys.results(UID, 0), 10**7))[0])
    assert [ended[n].code for n in range(GOOD + BAD)] == [code for _, code in sources]
    results = [output for each in ended.values() for output in each.outputs]
    assert len(results) == GOOD
    sizes = {pictures.opened(asyncio.run(objects.get(each.key, 10**6))[0]).size for each in results}
    assert sizes == {(80, 60)}
