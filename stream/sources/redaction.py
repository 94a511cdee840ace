"""URLs as they are shown: scheme, host, port, path, and the names of parameters."""

import re
from typing import Final

MASK: Final = "***"

_URL: Final = re.compile(r"""[A-Za-z0-9+.-]{1,32}://[^\s"'<>]+""")
# Network schemes, with any number of slashes, since a URL may be misspelled.
_NETWORK_URL: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:rtsps?|https?|rtmps?|srt|udp|mqtts?|wss?|[a-z][a-z0-9+.-]{0,32}(?=://))\s*:",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]*(?:%\w+)?\]|[^\[\]:@]*)(?::\d{0,5})?")
_PARAMETER: Final = re.compile(r"([\w.\[\]-]{1,32})=.*", re.DOTALL)
_TRAILING: Final = re.compile(r"[.,:;!)\]}]*$")


def contains_url(text: str) -> bool:
    """Return whether a network URL, which may be misspelled, is part of a text."""
    return _NETWORK_URL.search(text) is not None


def shown_url(url: str) -> str:
    """Return a URL without user, password, fragment and the values of parameters.

    Values in the path, as in `/user=admin_password=12345`, are masked from the first `=` on.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator:
        return MASK
    authority = re.match(r"[^/?#]*", rest)[0]  # type: ignore[index]
    tail = rest[len(authority) :]
    # A password that is not percent-encoded may contain / ? # and @. Unless it is clear where it
    # ends, as in `user:a/b@host`, the host is masked too.
    if "@" in tail and ":" in rest.rpartition("@")[0]:
        is_clear = "@" not in authority and not _HOST.fullmatch(authority) and tail.count("@") == 1
        rest = f"@{tail.partition('@')[2]}" if is_clear else ""
        return shown_url(f"{scheme}://{MASK}{rest}")
    user, at, host = authority.rpartition("@")
    if not _HOST.fullmatch(host):
        host = MASK
    tail = tail.partition("#")[0]
    path, question_mark, query = tail.partition("?")
    if "=" in path:
        path, question_mark = f"{path.partition('=')[0]}={MASK}", ""
    shown = f"{scheme}://{MASK if user else ''}{at}{host}{path}"
    if question_mark:
        shown += f"?{'&'.join(map(_shown_parameter, query.split('&')))}"
    return shown


def mask_urls(text: str) -> str:
    """Return a text in which each URL is replaced by `shown_url` of it."""
    return _URL.sub(_shown_match, text)


def _shown_match(match: re.Match[str]) -> str:
    url = match[0]
    end = _TRAILING.search(url).start()  # type: ignore[union-attr]
    # Punctuation after the value of a parameter belongs to the value, unless that is masked.
    has_value = any(char in url for char in "?=") and not url[:end].endswith(MASK)
    return shown_url(url) if has_value else shown_url(url[:end]) + url[end:]


def _shown_parameter(text: str) -> str:
    name = _PARAMETER.fullmatch(text)
    # A text without `=` may be a value, such as an access token.
    return f"{name[1]}={MASK}" if name else (text and MASK)
