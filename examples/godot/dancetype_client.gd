class_name DancetypeClient
extends Node
## Receives the predictions of dancetype over its WebSocket, and reconnects.

## Emitted with each live prediction, and with an empty one as soon as there is none.
signal updated(prediction: Dictionary)

const STALE := 1.5  # seconds without a prediction after which the last one is outdated
const SILENT := 3.0  # seconds without any message after which the connection is dead
const MIN_DELAY := 0.5  # seconds between attempts to connect; doubled after each failure
const MAX_DELAY := 8.0

@export var url := "ws://127.0.0.1:8765/ws"
@export var token := ""  ## The DANCETYPE_TOKEN of dancetype, if it has one.
@export var source := ""  ## Name of the source; by default, the first one that sends a message.

var _socket: WebSocketPeer
var _delay := MIN_DELAY
var _retry_at := 0.0
var _silence := 0.0
var _last_prediction := 0.0
var _predictions := 0
var _source := ""
var _greeted := false
var _live := false


func _process(delta: float) -> void:
	var now := Time.get_ticks_msec() / 1000.0
	if _socket == null:
		if now >= _retry_at:
			_connect()
		return
	# A long frame, such as while a level is loaded, is no sign of a dead connection.
	_silence += minf(delta, 0.25)
	_socket.poll()
	var state := _socket.get_ready_state()
	if state == WebSocketPeer.STATE_OPEN and token and not _greeted:
		_socket.send_text(JSON.stringify({"type": "hello", "token": token}))
		_greeted = true
	while _socket.get_available_packet_count() > 0:
		_receive(_socket.get_packet().get_string_from_utf8(), now)
	if now - _last_prediction > STALE:
		_publish({})
	if state == WebSocketPeer.STATE_CLOSED or _silence > SILENT:
		_disconnect(now)


func _connect() -> void:
	_socket = WebSocketPeer.new()
	_silence = 0.0
	_predictions = 0
	_source = source
	_greeted = false
	_socket.connect_to_url(url + ("?source=" + source.uri_encode() if source else ""))


func _disconnect(now: float) -> void:
	var reason := _socket.get_close_reason()
	push_warning("no connection to %s: %s" % [url, reason if reason else "no answer"])
	_socket.close()
	_socket = null
	_retry_at = now + _delay
	_delay = minf(2 * _delay, MAX_DELAY)
	_publish({})


func _receive(text: String, now: float) -> void:
	_silence = 0.0
	_delay = MIN_DELAY
	var message: Dictionary = JSON.parse_string(text)
	if message.type not in ["prediction", "source"]:
		return
	_source = _source if _source else message.source
	if message.source != _source:
		return
	if message.type == "prediction":
		_last_prediction = now
		_predictions += 1
		# The first prediction after connecting may be old.
		if _predictions > 1:
			_publish(message)
	elif message.state not in ["running", "bursty"]:
		_publish({})


func _publish(prediction: Dictionary) -> void:
	if _live or prediction:
		_live = not prediction.is_empty()
		updated.emit(prediction)
