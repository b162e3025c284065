"""Teach a trained model another hand: retrain its output head alone, then fine-tune everything at a lower rate.

The images stand under [train] of setup.cfg; characters the model lacks are added. Images that nobody has transcribed
may stand under UNTRANSCRIBED_SET_NAME of [transfer]: what MODEL reads surely there is learnt from as well.
Leaves in saved_models/: NAME-retrained-full_model.h5, NAME-retrained.h5, NAME-fine_tuned-full_model.h5,
NAME-fine_tuned.h5, and their histories.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import add_training_arguments, leave, run_stage
from utilities.config import Config, load_config
from utilities.framework import start_framework
from utilities.model_files import (
    ModelFiles,
    finished_before,
    refuse_replacing_base,
    refuse_to_overwrite,
    require_name,
)


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setup", type=Path, help="the settings file")
    parser.add_argument("model", type=Path, metavar="MODEL", help="the model to start from, full or prediction")
    parser.add_argument("name", metavar="NAME", help="a name for the new models, part of their files' names")
    add_training_arguments(parser)
    return parser.parse_args(argv)


def run(config: Config, args: argparse.Namespace) -> None:
    """Check and decode the images as the base model wants them, grow its alphabet, train twice, save twice."""
    from utilities.model_card import check_model_file, is_original

    require_name(args.name)
    names = (f"{args.name}-retrained", f"{args.name}-fine_tuned")
    files = [ModelFiles(name, name, config.project.model_format) for name in names]
    refuse_replacing_base(args.model, files[0])
    refuse_to_overwrite(files, args.overwrite, args.resume)
    check_model_file(args.model)
    start_framework(config.train.seed)

    from utilities.examination import explicit_alphabet
    from utilities.full_model import train_only_heads, with_larger_alphabet
    from utilities.plan import fine_tuning_plan, head_plan
    from utilities.saved_model import load_recognizer
    from utilities.saved_run import Step, forget_interrupted, train_and_save
    from utilities.transfer_set import transfer_set_for
    from utilities.unused_settings import warn_differences, warn_unused

    base = load_recognizer(args.model, explicit_alphabet(config.project))
    if is_original(args.model) and set(config.project.alphabet or "") == set(base.spec.alphabet.characters[:-1]):
        print("ALPHABET says what MODEL reads; other characters of the labels are learnt.")
        config = replace(config, project=replace(config.project, alphabet=None))
    warn_differences(config.project, base.spec)
    warn_unused(config.train, base.spec)
    spec, data = transfer_set_for(config, config.train.image_set, base)
    full = with_larger_alphabet(base.full_model, base.spec, spec.alphabet, config.train.seed)
    # with --overwrite, finished models are those of before unless the second step has kept something
    head_done = args.resume and finished_before(files[0]) and (not args.overwrite or files[1].resume.exists())
    print("Head only:")
    train_only_heads(full, True)
    flags = args.resume, args.overwrite
    plan = head_plan(config.train, config.transfer)
    if args.overwrite and not args.resume:
        forget_interrupted(files[1])  # now: if this run is stopped before its second step, that is not its own
    step = Step(files[0], *flags, finished=head_done, goes_on=True)
    record = train_and_save(spec, full, data, plan, step, base.record)
    print("All layers:")
    train_only_heads(full, False)
    plan = fine_tuning_plan(config.train, config.transfer, record["seconds"])
    train_and_save(spec, full, data, plan, Step(files[1], *flags, before=files[0]), base.record)


def main(argv=None) -> int:
    """Run the stage and return its exit status."""
    args = parse_args(argv)
    return run_stage(lambda: run(load_config(args.setup, "transfer"), args), resumable=True)


if __name__ == "__main__":
    leave(main())
