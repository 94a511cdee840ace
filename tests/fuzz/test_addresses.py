from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SinkError
from dancetype.stream.sinks.broker import parse_broker
from dancetype.stream.sinks.osc import address_part, parse_target
from tests.fuzz.fuzzing import fuzzed, only, texts

SECRET = "5ecret"
secrets = st.tuples(texts, texts).map(lambda around: SECRET.join(around))


@fuzzed
@given(
    texts
    | st.tuples(
        st.sampled_from(["mqtt://", "mqtts://", "MQTT://", "mqtt:/", ""]),
        texts,
        secrets,
        st.sampled_from(["@host", "@host:99999", "@host:x", "@", "host"]),
    ).map(lambda part: f"{part[0]}{part[1]}:{part[2]}{part[3]}")
)
@example("mqtt://[")
@example("mqtt://" + "a" * 100)
def test_any_url_is_a_broker_or_refused_without_its_password(url: str) -> None:
    with only("broker URLs", SinkError, hiding=SECRET):
        broker = parse_broker(url)
        assert 0 < broker.port < 65536
        assert SECRET not in f"{broker}" or SECRET not in (broker.password or "")


@fuzzed
@given(texts, secrets)
def test_an_encoded_password_reaches_the_broker(user: str, password: str) -> None:
    user, password = (text.encode(errors="replace").decode() for text in (user, password))
    with only("broker URLs"):
        broker = parse_broker(f"mqtt://{quote(user, safe='')}:{quote(password, safe='')}@host")
        assert (broker.user, broker.password) == (user, password)


@fuzzed
@given(texts | st.tuples(texts, st.integers()).map(lambda pair: f"{pair[0]}:{pair[1]}"))
def test_any_text_is_where_osc_goes_or_refused(target: str) -> None:
    with only("OSC targets", SinkError):
        host, port = parse_target(target)
        assert host
        assert 0 < port < 65536


@fuzzed
@given(st.text(min_size=1, max_size=100))
def test_any_name_becomes_part_of_an_osc_address(name: str) -> None:
    with only("OSC targets"):
        assert not set(address_part(name)) & set(" #*,/?[]{}")
