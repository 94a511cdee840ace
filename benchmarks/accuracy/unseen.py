"""Train the live recipe on half of the dancers and test it on the others, in both folds."""

from benchmarks.accuracy.measures import (
    ACCURACIES,
    accuracy_by_dancer,
    reliability_bins,
    score_tracks,
)
from benchmarks.accuracy.models import live_classifier, training_summary
from benchmarks.accuracy.workspace import OTHER_FOLD, Job, Result, Workspace, jobs_for_both_folds
from dancetype.engine.classifier import Classifier
from dancetype.engine.media.track import Track
from dancetype.engine.recognizer import WindowClassifier
from dancetype.export.build import (
    MEMBERS,
    TrainingData,
    calibrate_half,
    read_half,
    train_networks,
)
from dancetype.training.checkpoint import Checkpoint
from dancetype.training.data.splits import Split
from dancetype.training.evaluate import evaluate_sequences, evaluate_tracks
from dancetype.training.recipe import load_recipe
from dancetype.training.train import CHECKPOINT

BOTH = tuple(f"live-{fold}" for fold in OTHER_FOLD)
"""Names of the jobs that train the models of both folds."""


def jobs() -> list[Job]:
    """Return the trainings and tests of both folds, and a test of the shipped model."""
    description = "tests live-{fold} on dancers:{other}, on real and on rendered tracks"
    return [
        *jobs_for_both_folds("live", "trains the live recipe on dancers:{fold}", _train),
        *jobs_for_both_folds("unseen", description, _test, BOTH),
        Job("shipped", "tests the shipped model on real tracks", _test_shipped),
    ]


def _train(fold: str, workspace: Workspace) -> Result:
    data = TrainingData(workspace.data, workspace.rendered, workspace.negatives)
    (task,) = train_networks(
        load_recipe(workspace.recipe),
        data,
        workspace.runs,
        [f"dancers:{fold}"],
        members=MEMBERS,
        jobs=1,
    )
    calibrate_half(read_half(data, f"dancers:{OTHER_FOLD[fold]}"), task)
    return training_summary(Checkpoint.load(task.out / CHECKPOINT))


def _test(fold: str, workspace: Workspace) -> Result:
    classifier = live_classifier(workspace, fold)
    training = workspace.split(f"dancers:{fold}")
    test = workspace.split(f"dancers:{OTHER_FOLD[fold]}")
    evaluation = evaluate_sequences(classifier, workspace.sequences(test))
    return {
        "trained": training.name,
        "tested": test.name,
        "figures": evaluation.figures(),
        "by_dancer": accuracy_by_dancer(evaluation),
        "reliability": reliability_bins(evaluation),
        "real": score_tracks(classifier, workspace.real_tracks(), training),
        "rendered": score_rendered_tracks(classifier, workspace.rendered_tracks(test), training),
    }


def _test_shipped(workspace: Workspace) -> Result:
    classifier = Classifier(device="cpu")
    contract = classifier.contract
    tracks = workspace.real_tracks()
    # It was trained on all sequences of its dancers.
    training = [track.sequence for track in tracks if track.dancer in contract.dancers]
    rows = score_tracks(classifier, tracks, Split(contract.split, training))
    return {"recipe": contract.recipe, "split": contract.split, "real": rows}


def score_rendered_tracks(
    classifier: WindowClassifier, tracks: list[Track], training: Split
) -> Result | None:
    """Test a model on rendered tracks of unseen dancers; return None if there are no tracks."""
    if not tracks:
        return None
    figures = evaluate_tracks(classifier, tracks).figures()
    rows = score_tracks(classifier, tracks, training)
    correct = [piece["rank"] == 1 for row in rows for piece in row["pieces"]]
    return {
        **{name: figures[name] for name in (*ACCURACIES, "ece")},
        "pieces": len(correct),
        "piece_accuracy": sum(correct) / len(correct),
    }
