import pytest

from imagejobs_contract.errors import Refused
from imagejobs_contract.outbound.url import Url, read_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", Url(False, "example.com", 80, "/")),
        ("HTTP://example.com/A", Url(False, "example.com", 80, "/A")),
        ("Https://Example.COM", Url(True, "example.com", 443, "/")),
        ("https://Example.COM/a/b?c=d#e", Url(True, "example.com", 443, "/a/b?c=d")),
        ("http://example.com:8080/%20x", Url(False, "example.com", 8080, "/%20x")),
        ("http://bücher.example/ü?ä=1", Url(False, "xn--bcher-kva.example", 80, "/%C3%BC?%C3%A4=1")),
        ("http://[2606:4700::1]:81/", Url(False, "2606:4700::1", 81, "/")),
        ("http://example.com/a b\x7f", Url(False, "example.com", 80, "/a%20b%7F")),
        ("http://example.com/a\r\nX-Evil: 1", Url(False, "example.com", 80, "/aX-Evil:%201")),
        ("http://example.com:0/", Url(False, "example.com", 0, "/")),
        ("http://example.com./", Url(False, "example.com", 80, "/")),
        ("http://under_score.example/", Url(False, "under_score.example", 80, "/")),
        ("http://１２７.０.０.１/", Url(False, "127.0.0.1", 80, "/")),
        ("http://①②⑦。０．0｡1/", Url(False, "127.0.0.1", 80, "/")),
        ("http://0X7F.1./", Url(False, "0x7f.1", 80, "/")),
    ],
)  # fmt: skip
def test_a_url_is_read(url, target):
    assert read_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "FTP://example.com/", "HTTPX://example.com/", "HTTP:example.com", "HTTP://me@example.com/",
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com",
        "", "http://", "http:///x", "http://user@example.com/", "http://user:pass@example.com/",
        "http://example.com:99999/", "http://example.com:x/", "http://[::1", "http://[fe80::1%25eth0]/",
        "http://a..b/", f"http://{'a' * 64}.example/", "javascript:alert(1)", "http://@example.com/",
        "http://1.1.1.1\\@127.0.0.1/", "http://1.1.1.1\\.example/", "http://a b.example/",
        "http://a.example,b.example/", "http://a;b/", "http://127.0.0.1../", "http://256.256.256.256/",
        "http://1.2.3.4.5/", "http://a.example:８０/", "http://[1.1.1.1]/", "http://[::ffff:127.0.0.1/",
        "http://%31%32%37.0.0.1/", f"http://example.com/{'a' * 9000}",
    ],
)  # fmt: skip
def test_a_url_that_leads_nowhere_or_carries_a_user_is_refused(url):
    with pytest.raises(Refused):
        read_url(url)


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (Url(False, "a.example", 80, "/"), "a.example"),
        (Url(True, "a.example", 443, "/"), "a.example"),
        (Url(True, "a.example", 80, "/"), "a.example:80"),
        (Url(False, "2606:4700::1", 8080, "/"), "[2606:4700::1]:8080"),
    ],
)
def test_the_host_header_names_the_port_only_if_it_is_unusual(target, authority):
    assert target.authority == authority
