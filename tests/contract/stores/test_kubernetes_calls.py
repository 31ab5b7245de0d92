"""What the client of the Kubernetes API takes from its surroundings. Requests are in tests/controlplane."""

import asyncio
import json
from pathlib import Path

import pytest

from imagejobs_contract.stores import kubernetes_calls


@pytest.mark.parametrize(
    ("cluster", "environ", "proxy"),
    [
        ({}, {}, None),
        ({}, {"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({}, {"https_proxy": "http://proxy:3128", "no_proxy": "api.test"}, None),
        ({}, {"http_proxy": "http://proxy:3128"}, None),
        ({"proxy-url": "http://own:1"}, {"https_proxy": "http://proxy:3128"}, "http://own:1"),
    ],
    ids=["none", "of the environment", "not for this host", "for http only", "of the kubeconfig"],
)
def test_a_proxy_is_found_once_at_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cluster: dict[str, str],
    environ: dict[str, str],
    proxy: str | None,
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "https://api.test:6443", **cluster}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )

    async def story() -> None:
        client = await kubernetes_calls.connect(str(kubeconfig))
        assert client.api.configuration.proxy == proxy
        assert not client.session.trust_env, "nobody looks again with each request"
        await client.close()
        assert client.session.closed

    asyncio.run(story())
