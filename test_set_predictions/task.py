"""Read the images that setup.cfg names under [test] with one or more models.

Writes test_set_predictions/predictions/MODEL-predictions.csv for each, with truth (where there is one), prediction and
confidence, and test_set_predictions/review/MODEL-review.csv, the least certain words first. Says which words can be
accepted unseen. Compare models with --report, or with test_set_predictions/visualize_predictions.ipynb. With --ensemble
also what all models read together, as if they were one more model.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from utilities.command import leave, run_stage
from utilities.config import Config, load_config
from utilities.framework import start_framework
from utilities.model_files import ENSEMBLE, PREDICTIONS, REVIEW, ensemble_file, prediction_files
from utilities.safe_files import require_writable


def parse_args(argv=None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setup", type=Path, nargs="?", help="the settings file")
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL", help="model files, full or prediction")
    parser.add_argument(
        "--details", action="store_true", help="add each character's confidence and the runner-up reading to the CSVs"
    )
    parser.add_argument("--describe", type=Path, metavar="MODEL", help="print a model file's own description, and stop")
    parser.add_argument("--report", action="store_true", help="also write test_set_predictions/report.html")
    parser.add_argument("--ensemble", action="store_true", help="let all models together be one more, `ensemble`")
    args = parser.parse_args(argv)
    if not args.describe and not (args.setup and args.models):
        parser.error("give setup.cfg and at least one MODEL, or --describe MODEL")
    return args


def run(config: Config, models: list[Path], with_details: bool, with_report: bool, with_ensemble: bool) -> None:
    """Load the models, read the images once for all, write the CSVs and perhaps the report, print a table."""
    from utilities.lexicon import left_out, read_lexicon
    from utilities.model_card import check_model_files

    outputs = prediction_files(models)
    together = ensemble_file(models) if with_ensemble else None
    check_model_files(models)
    for folder in (PREDICTIONS, REVIEW):
        require_writable(folder)
    lexicon = read_lexicon(config.test.lexicon) if config.test.lexicon else {}
    if lexicon and config.test.language_weight == 0:
        print("The LEXICON is not used: with LANGUAGE_WEIGHT = 0 readings are only what the images show.")
    start_framework(seed=0)  # nothing here is random

    from utilities.examination import columns_of, explicit_alphabet
    from utilities.image_set import read_image_set, require_an_image, short_name
    from utilities.prediction import predict_to_files
    from utilities.prediction_summary import results_table
    from utilities.reader import reader_for
    from utilities.report import write_report
    from utilities.review import review_predictions, separator_like
    from utilities.saved_model import load_recognizer
    from utilities.unused_settings import warn_differences

    columns = columns_of(config.project)
    image_set = read_image_set(config.test.image_set, columns, config.project.image_format, for_prediction=True)
    require_an_image(image_set)
    if image_set.without_table:
        print(image_set.without_table)
    readers, test = {}, config.test
    for model, path in outputs.items():
        recognizer = load_recognizer(model, explicit_alphabet(config.project))
        warn_differences(config.project, recognizer.spec)
        readers[path] = reader_for(recognizer, with_details, test.language_weight, lexicon, test.several_views)
        print(f"{model.stem}: readings {readers[path].manner}.")
        if test.language_weight != 0 and (lost := left_out(lexicon, recognizer.spec.alphabet)):
            print(f"{model.stem}: {lost}")
    if together:
        print(f"{ENSEMBLE}: readings are what these {len(models)} models find likeliest in the mean.")
    summaries = predict_to_files(readers, image_set, together, config.project.max_label_length)
    print(results_table(summaries))
    folders = filter(None, (image_set.folder, config.train.image_set))  # a folder to read often has no table yet
    where = short_name(image_set.folder), separator_like(folder / columns.file_name for folder in folders)
    for path, summary in summaries.items():
        print(review_predictions(path, summary.seen_in_training, config.test.target_error, *where))
    if with_report:
        print(f"\nThe report, for any browser: {write_report(summaries, image_set, config.test.target_error)}")


def main(argv=None) -> int:
    """Run the stage and return its exit status."""
    args = parse_args(argv)
    if args.describe:
        from utilities.model_card import model_card

        return run_stage(lambda: print(model_card(args.describe)))
    flags = args.details, args.report, args.ensemble
    return run_stage(lambda: run(load_config(args.setup, "predict"), args.models, *flags))


if __name__ == "__main__":
    leave(main())
