"""Examples of RFC 7617, RFC 2617 and RFC 7616."""

import re
import secrets

import pytest

from dancetype.stream.sources.http_auth import Credentials, authorization

URI = "/dir/index.html"


@pytest.mark.parametrize(
    ("challenge", "cnonce", "password", "response"),
    [
        (
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
            "0a4f113b",
            "Circle Of Life",
            "6629fae49393a05397450978507c4ef1",
        ),
        (
            'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, '
            'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"',
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "Circle of Life",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            'digest realm="testrealm@host.com",nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
            "",
            "Circle Of Life",
            "670fd8c2df070c60b045671b8b24ff02",
        ),
    ],
    ids=["MD5", "SHA-256", "without qop"],
)
def test_digest_response_is_that_of_the_standard(
    challenge: str, cnonce: str, password: str, response: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda size: cnonce)
    header = authorization([challenge], Credentials("Mufasa", password), method="GET", uri=URI)
    assert re.findall(r'\bresponse="(\w+)"', header or "") == [response]


def test_basic_is_used_if_digest_is_not_offered() -> None:
    credentials = Credentials("Aladdin", "open sesame")
    challenges = ['Digest realm="x", nonce="1", algorithm=SHA-512-256', 'Basic realm="x"']
    header = authorization(challenges, credentials, method="GET", uri=URI)
    assert header == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize("challenge", ["", "Digest", "Digest =,,=", 'Digest realm="', "Bearer x"])
def test_challenge_that_is_not_understood_is_not_answered(challenge: str) -> None:
    assert authorization([challenge], Credentials("a", "b"), method="GET", uri=URI) is None
