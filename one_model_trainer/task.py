"""Train one handwriting model on the images that setup.cfg names under [train].

Leaves in saved_models/: NAME-full_model.h5 (for further training), NAME-prediction.h5 (for reading), and
NAME-training_history.csv and .png (how it went, epoch by epoch).
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import add_hyperparameter_arguments, add_training_arguments, leave, run_stage
from utilities.config import Config, load_config, read_hyperparameters
from utilities.framework import start_framework
from utilities.hyperparameters import FIELDS, resolve
from utilities.model_files import ModelFiles, refuse_to_overwrite, require_name


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setup", type=Path, help="the settings file")
    parser.add_argument("name", metavar="NAME", help="a name for the model, part of its files' names")
    parser.add_argument("--hyperparameters", type=Path, metavar="FILE", help="best_hyperparameters.cfg of the tuner")
    add_training_arguments(parser)
    add_hyperparameter_arguments(parser)
    return parser.parse_args(argv)


def run(config: Config, args: argparse.Namespace) -> None:
    """Check and decode the images, train, save."""
    architecture, chosen = config.train.architecture, {}
    if args.hyperparameters:
        from_file, chosen = read_hyperparameters(args.hyperparameters)
        if from_file and from_file != architecture:
            print(f"ARCHITECTURE = {from_file} of {args.hyperparameters} is used, not {architecture} of {args.setup}.")
            architecture = from_file
    flags = {name: getattr(args, name) for name in FIELDS if getattr(args, name) is not None}
    hyperparameters = resolve(architecture, config.train.hyperparameters, chosen, flags)
    require_name(args.name)
    files = ModelFiles(args.name, f"{args.name}-prediction", config.project.model_format)
    refuse_to_overwrite([files], args.overwrite, args.resume)
    start_framework(config.train.seed)

    from utilities.examination import preprocessing_of
    from utilities.full_model import build_full_model
    from utilities.model import RecognizerSpec, frame_counter
    from utilities.plan import Plan
    from utilities.saved_run import Step, train_and_save
    from utilities.training_set import announce, training_set_for

    how = preprocessing_of(config.project)
    frames = frame_counter(architecture, how.height, hyperparameters)
    data = training_set_for(config, config.train.image_set, how, frames)
    print(announce(data))
    spec = RecognizerSpec(architecture, data.alphabet, how, hyperparameters)
    plan = Plan.of(config.train, config.train.num_epochs, hyperparameters.learning_rate, config.train.max_minutes)
    full = build_full_model(spec)
    train_and_save(spec, full, data, plan, Step(files, args.resume, args.overwrite))


def main(argv=None) -> int:
    """Run the stage and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(load_config(args.setup, "train"), args), resumable=True)


if __name__ == "__main__":
    leave(main())
