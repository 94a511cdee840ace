extends Control
## Shows the genre and its confidence.

const TEXTS := {"not_sure": "not sure", "no_person": "no person", "warming_up": "keep dancing"}

@onready var _genre: Label = $Box/Genre
@onready var _confidence: ProgressBar = $Box/Confidence


func _on_client_updated(prediction: Dictionary) -> void:
	var status: String = prediction.get("status", "")
	var is_genre := status == "genre"
	_genre.text = prediction.name if is_genre else TEXTS.get(status, "waiting for dancetype")
	_confidence.value = prediction.confidence if is_genre else 0.0
