"""URLs of PostgreSQL that name several servers: `postgresql://user@one:5432,two:5432/database`."""

from itertools import zip_longest
from urllib.parse import parse_qs, quote, urlencode, urlsplit

TARGET = "target_session_attrs"
PORT = "5432"


def of_primary(url: str) -> str:
    """The URL by which the primary is found among several hosts, unless it says itself which one is meant.

    >>> of_primary("postgresql://a@one,two/b")
    'postgresql://a@one,two/b?target_session_attrs=primary'
    """
    parts = urlsplit(url)
    if len(_hosts(url)) < 2 or TARGET in parse_qs(parts.query):
        return url
    query = f"{parts.query}&" if parts.query else ""
    return parts._replace(query=f"{query}{TARGET}=primary").geturl()


def each_host(url: str) -> dict[str, str]:
    """The URLs of the single hosts by host and port.

    >>> each_host("postgresql://a@one:5433,two/b")
    {'one:5433': 'postgresql://a@one:5433/b', 'two:5432': 'postgresql://a@two/b'}
    """
    hosts = _hosts(url)
    parts = urlsplit(url)
    if len(hosts) < 2:
        host, port = hosts[0] if hosts else ("localhost", "")
        return {_name(host, port): url}
    user, _, _ = parts.netloc.rpartition("@")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found: dict[str, str] = {}
    for host, port in hosts:
        if "host" in query:
            query |= {"host": host, **({"port": port} if port else {})}
            one = parts._replace(query=urlencode(query, quote_via=quote, safe=""))
        else:
            address = f"{host}:{port}" if port else host
            one = parts._replace(netloc=f"{user}@{address}" if user else address)
        found[_name(host, port)] = one.geturl()
    return found


def _name(host: str, port: str) -> str:
    return f"{host}:{port or PORT}"


def _hosts(url: str) -> list[tuple[str, str]]:
    """Hosts and ports; `host` and `port` of the query go before what stands in front of the path."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if "host" in query:
        hosts = query["host"][-1].split(",")
        ports = query.get("port", [""])[-1].split(",")
        if len(ports) == 1:
            ports *= len(hosts)
        return list(zip_longest(hosts, ports[: len(hosts)], fillvalue=""))
    _, _, places = parts.netloc.rpartition("@")
    return [_divided(place) for place in places.split(",") if place]


def _divided(place: str) -> tuple[str, str]:
    """`[::1]:5432` is an address of version 6 and a port."""
    host, colon, port = place.rpartition(":")
    return (host, port) if colon and not port.endswith("]") else (place, "")
