"""Every curl call of the docs, typed against the release: what `make run` answers, a cluster answers too."""

import pytest

from support.api import docs_player
from support.cluster import kind_cluster as e2e

CALLS = docs_player.every_call(e2e.ROOT / "docs")


@pytest.fixture(scope="module")
def service(tmp_path_factory, site, s3):
    folder = tmp_path_factory.mktemp("documented")
    docs_player.write_files(folder, e2e.photo(400, 300))
    for key in docs_player.BUCKET_FILES:
        s3.put_object(Bucket=e2e.BUCKET, Key=key, Body=e2e.photo(), ContentType="image/jpeg")
    return docs_player.Service(e2e.API, folder, e2e.api_key(), {"https://images.example.org": site})


@pytest.mark.parametrize("call", CALLS, ids=docs_player.name)
def test_a_call_is_answered_as_the_page_shows(service, call):
    service.play(call)
