"""The shipped recipe on dancers that it was not trained on, both ways."""

from benchmarks.accuracy.measures import ACCURACIES, by_dancer, of_tracks, reliability
from benchmarks.accuracy.models import about, live_classifier, trained
from benchmarks.accuracy.place import OTHER, Job, Place, Result, both_ways
from dancetype.engine.classifier import Classifier
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.training.data.splits import Split
from dancetype.training.evaluate import evaluate_sequences, evaluate_tracks
from dancetype.training.recipe import load_recipe

BOTH = tuple(f"live-{way}" for way in OTHER)
"""Names of the jobs that train both models."""


def jobs() -> list[Job]:
    """Return two trainings and their tests, and a test of the shipped model."""
    about = "tests live-{way} on dancers:{other}, on real and on rendered tracks"
    return [
        *both_ways("live", "trains the shipped recipe on dancers:{way}", _train),
        *both_ways("unseen", about, _test, BOTH),
        Job("shipped", "the shipped model on real tracks", _shipped),
    ]


def _train(way: str, place: Place) -> Result:
    checkpoint = trained(
        place,
        f"live-{way}",
        load_recipe(place.recipe),
        split=f"dancers:{way}",
        validation=f"dancers:{OTHER[way]}",
        tracks=place.rendered_folders(),
    )
    return about(checkpoint)


def _test(way: str, place: Place) -> Result:
    classifier = live_classifier(place, way)
    learned = place.split(f"dancers:{way}")
    tested = place.split(f"dancers:{OTHER[way]}")
    evaluation = evaluate_sequences(classifier, place.sequences(tested))
    return {
        "trained": learned.name,
        "tested": tested.name,
        "figures": evaluation.figures(),
        "by_dancer": by_dancer(evaluation),
        "reliability": reliability(evaluation),
        "real": of_tracks(classifier, place.real_tracks(), learned),
        "rendered": on_rendered(classifier, place.rendered_tracks(tested), learned),
    }


def _shipped(place: Place) -> Result:
    classifier = Classifier(device="cpu")
    contract = classifier.contract
    tracks = place.real_tracks()
    # It learned from all available data, so a known dancer's performance is known, too.
    known = [track.sequence for track in tracks if track.dancer in contract.dancers]
    rows = of_tracks(classifier, tracks, Split(contract.split, known))
    return {"recipe": contract.recipe, "split": contract.split, "real": rows}


def on_rendered(classifier: WindowClassifier, tracks: list[Track], learned: Split) -> Result | None:
    """Test a model on rendered tracks of unseen dancers; return None without any."""
    if not tracks:
        return None
    figures = evaluate_tracks(classifier, tracks).figures()
    rows = of_tracks(classifier, tracks, learned)
    right = [piece["rank"] == 1 for row in rows for piece in row["pieces"]]
    return {
        **{name: figures[name] for name in (*ACCURACIES, "ece")},
        "pieces": len(right),
        "piece_accuracy": sum(right) / len(right),
    }
