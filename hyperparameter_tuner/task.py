"""Try every combination of the hyperparameter values that setup.cfg lists under [tune].

Leaves in logs/hparam_tuning_grid/: runs for TensorBoard (tensorboard --logdir logs/hparam_tuning_grid), trials.csv,
and best_hyperparameters.cfg for the trainer. The folder is emptied of an earlier search first.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import run_stage, start_framework
from utilities.config import Config, load_config
from utilities.hyperparameters import grid_combinations


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setup", type=Path, help="the settings file")
    parser.add_argument("--resume", action="store_true", help="keep the finished trials of an interrupted search")
    return parser.parse_args(argv)


def run(config: Config, resume: bool) -> None:
    """Check and decode the images once, then run the trials."""
    architecture, tune = config.train.architecture, config.tune
    trials = grid_combinations(architecture, tune.grid, config.train.hyperparameters)
    start_framework(tune.seed)

    import keras

    from utilities.images import Preprocessing
    from utilities.model import FrameCounter, RecognizerSpec, build_prediction_model
    from utilities.search import LOGS, TrialStore, announce_to_tensorboard, run_trials
    from utilities.training import Plan, train
    from utilities.training_set import announce, training_set_for

    how = Preprocessing(config.project.img_height, config.project.img_width)
    frames = FrameCounter(architecture, how.height, trials[0])
    data = training_set_for(config, tune.image_set, how, frames)
    print(announce(data), flush=True)
    print(f"{len(trials)} trials of {tune.num_epochs} epochs each: every combination of the lists.", flush=True)
    if tune.num_calls or tune.num_random_starts:
        print("NUM_CALLS and NUM_RANDOM_STARTS are not used by this search.", flush=True)
    store = TrialStore(LOGS, architecture)
    store.read() if resume else store.empty()
    announce_to_tensorboard(LOGS, trials)

    def train_one(hyperparameters, log):
        keras.utils.clear_session()
        keras.utils.set_random_seed(tune.seed)
        model = build_prediction_model(RecognizerSpec(architecture, data.alphabet, how, hyperparameters))
        batches = data.batches(data.alphabet, frames, hyperparameters.batch_size, tune.seed)
        plan = Plan(
            tune.num_epochs, hyperparameters.learning_rate, tune.seed, early_stopping=True, patience=tune.num_epochs
        )
        return train(model, batches, data.alphabet, plan, after_epoch=log)

    best = run_trials(trials, store, train_one)
    print(f"\nBest validation CER {100 * best.val_cer:.2f} %: {store.best_file}")
    print(f"See all trials with: tensorboard --logdir {LOGS}")


def main(argv=None) -> int:
    """Run the stage and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(load_config(args.setup, "tune"), args.resume))


if __name__ == "__main__":
    sys.exit(main())
