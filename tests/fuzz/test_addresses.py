from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SinkError
from dancetype.stream.sinks.broker import parse_broker
from dancetype.stream.sinks.osc import address_part, parse_target
from tests.fuzz.fuzzing import check_parser, fuzz_test, texts

SECRET = "5ecret"
secrets = st.tuples(texts, texts).map(lambda parts: SECRET.join(parts))


@fuzz_test
@given(
    texts
    | st.tuples(
        st.sampled_from(["mqtt://", "mqtts://", "MQTT://", "mqtt:/", ""]),
        texts,
        secrets,
        st.sampled_from(["@host", "@host:99999", "@host:x", "@", "host"]),
    ).map(lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}{parts[3]}")
)
@example("mqtt://[")
@example("mqtt://" + "a" * 100)
def test_any_broker_url_is_parsed_or_rejected_without_showing_password(url: str) -> None:
    with check_parser("broker URLs", SinkError, secret=SECRET):
        broker = parse_broker(url)
        assert 0 < broker.port < 65536
        assert SECRET not in f"{broker}" or SECRET not in (broker.password or "")


@fuzz_test
@given(texts, secrets)
def test_encoded_password_is_decoded_for_broker(user: str, password: str) -> None:
    user, password = (text.encode(errors="replace").decode() for text in (user, password))
    with check_parser("broker URLs"):
        broker = parse_broker(f"mqtt://{quote(user, safe='')}:{quote(password, safe='')}@host")
        assert (broker.user, broker.password) == (user, password)


@fuzz_test
@given(texts | st.tuples(texts, st.integers()).map(lambda pair: f"{pair[0]}:{pair[1]}"))
def test_any_osc_target_is_parsed_or_rejected(target: str) -> None:
    with check_parser("OSC targets", SinkError):
        host, port = parse_target(target)
        assert host
        assert 0 < port < 65536


@fuzz_test
@given(st.text(min_size=1, max_size=100))
def test_any_name_becomes_valid_part_of_osc_address(name: str) -> None:
    with check_parser("OSC targets"):
        assert not set(address_part(name)) & set(" #*,/?[]{}")
