"""Where a webhook may be: at public addresses alone, so that nobody has this function talk to what is inside."""

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import SplitResult, urlsplit

#: By scheme. A port that is not the scheme's own is one of _OTHER_PORTS.
PORTS: Final = {"https": 443, "http": 80}
_OTHER_PORTS = {8443}
#: IPv6 addresses that are given to networks; beside them are those that stand for others, such as NAT64's.
_UNICAST = ipaddress.ip_network("2000::/3")

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: A name in a domain (RFC 1123, 2.1). The last part begins with a letter, so that no spelling of an address is one.
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")


#: IPv4 addresses that are given to nobody, and that the library of some releases takes for public: of protocols (RFC
#: 6890), and of relays to IPv6 (RFC 7526).
_SPECIAL = [ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24")]


class Forbidden(Exception):
    """Nothing may be sent there; the message says why, as in "url must ..."."""


def check_url(url: str, *, local: bool) -> SplitResult:
    """The parts of the URL of a webhook. Raises Forbidden.

    An address in it is checked, however it is spelled; a name is resolved when something is sent.

    Args:
        local: whether it may be on this machine as well, on any port, and without TLS.
    """
    # What urlsplit would leave out, and what a request cannot have.
    if not all("!" <= char <= "~" for char in url) or "\\" in url:
        raise Forbidden("must be printable ASCII without spaces and backslashes")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Forbidden("must be a URL") from error
    if not host or parts.scheme not in (PORTS if local else ("https",)):
        raise Forbidden("must be an https URL")
    if "@" in parts.netloc or parts.fragment:
        raise Forbidden("must have no user, password or fragment")
    if not local and port not in (None, PORTS["https"], *_OTHER_PORTS):
        raise Forbidden("must have the port 443 or 8443")
    try:
        resolve(parts, local=local, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError) as error:  # it is a name
        named = _NAME.fullmatch(host) or (local and host == "localhost")
        if not named or "[" in parts.netloc:
            raise Forbidden("must have a public name or address") from error
    return parts


def resolve(url: SplitResult, *, local: bool, flags: int = 0) -> list[tuple[str, int]]:
    """Address and port of all addresses that a URL's name has now.

    Raises:
        Forbidden: one of them is not public.
        OSError: there is none, or nobody who knows answers.
        UnicodeError: it is no name.
    """
    port = url.port or PORTS[url.scheme]
    found = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM, flags=flags)
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    for text in addresses:
        address = ipaddress.ip_address(text)
        if not (_is_public(address) or (local and _is_loopback(address))):
            raise Forbidden("must have public addresses alone")
        if url.scheme == "http" and not _is_loopback(address):
            raise Forbidden("must be an https URL")
    return [(address, port) for address in addresses]


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        stands_for_another = address.sixtofour or address.teredo
        return address in _UNICAST and not stands_for_another and address.is_global
    special = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL)
    return address.is_global and not special


def _is_loopback(address: _Address) -> bool:
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
