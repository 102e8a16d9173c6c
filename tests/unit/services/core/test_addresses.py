"""Which addresses the server calls when a person names them."""

from ipaddress import ip_address

import pytest

from services.core.addresses import (
    NONE_ALLOWED,
    AddressRefused,
    AllowedAddresses,
    is_free_header,
    literal_address,
    require_public,
    require_url,
)

PRIVATE = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.0.9", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1::808:808"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    *("fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "100::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1"),
    *("2606:4700::1111", "64:ff9b::808:808", "2002:808:808::", "::ffff:8.8.8.8"),
]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_address_of_a_private_network_may_be_called(text: str) -> None:
    with pytest.raises(AddressRefused):
        require_public(ip_address(text), NONE_ALLOWED)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_may_be_called(text: str) -> None:
    require_public(ip_address(text), NONE_ALLOWED)


@pytest.mark.parametrize("text", ["127.0.0.1", "::ffff:127.0.0.1", "10.9.9.9", "fd00::7"])
def test_networks_that_are_allowed_may_be_called(text: str) -> None:
    require_public(ip_address(text), AllowedAddresses.of("127.0.0.0/8, 10.0.0.0/8,fd00::/8"))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
        ),
        *("http://127.0.0.1./", "http://[::1]/", "http://[::ffff:7f00:1]/", "http://[fe80::1%25eth0]/"),
        *("http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://printer/"),
        *("http://metadata.google.internal/", "http://nas.local/", "http://router.home.arpa/"),
        *(
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "//example.com/",
            "example.com",
        ),
        *("http://user@example.com/", "http://user:secret@example.com/", "http://:x@example.com/"),
        *("http://", "http:///path", "http://example.com:0/", "http://example.com:99999/", "http://[::1/"),
        *("http://exa mple.com/", "http://example.com\\@127.0.0.1/", "http://example.com/\r\nHost: x"),
        *("http://example..com/", "http://" + "a" * 64 + ".com/", "https://example.com/" + "x" * 2_000),
        "http://exam\u200bple.com/",
    ],
)
def test_no_spelling_of_a_private_host_is_saved(url: str) -> None:
    with pytest.raises(AddressRefused):
        require_url(url, NONE_ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        *("https://hooks.example.com/a?b=c", "http://8.8.8.8:8080/", "https://[2606:4700::1111]/"),
        *("https://日本語.jp/", "https://my_host.example.com./x"),
    ],
)
def test_public_urls_are_saved(url: str) -> None:
    require_url(url, NONE_ALLOWED)


def test_a_host_may_be_allowed_by_its_name() -> None:
    allowed = AllowedAddresses.of("hooks.corp, localhost")
    require_url("http://Hooks.corp:8080/x", allowed)
    assert allowed.has_host("LOCALHOST.")
    with pytest.raises(AddressRefused):
        require_url("http://other.corp.local/", allowed)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "what is this", "a..b", "10.0.0.0/x"])
def test_a_wrong_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write networks and host names"):
        AllowedAddresses.of(text)


def test_numbers_are_read_as_resolvers_read_them() -> None:
    assert str(literal_address("0x7f.1")) == "127.0.0.1"
    assert literal_address("example.com") is None


@pytest.mark.parametrize(
    ("name", "value", "free"),
    [
        ("Authorization", "Bearer x", True),
        ("X-Team", "検索", True),
        ("Host", "x", False),
        ("webhook-id", "x", False),
        ("Webhook-Signature", "x", False),
        ("Content-Length", "1", False),
        ("Transfer-Encoding", "chunked", False),
        ("bad name", "x", False),
        ("", "x", False),
        ("X-A", "a\r\nX-B: b", False),
        ("X-A", "a\0", False),
    ],
)
def test_headers_that_carry_the_message_are_the_servers(name: str, value: str, free: bool) -> None:
    assert is_free_header(name, value) is free
