"""The one address of the tables that compare models, for the notebook and the report; each noun has its own file."""

from utilities.caveats import notes
from utilities.confidence_tables import (
    acceptance_curve,
    calibration_error,
    calibration_error_by_chance,
    calibration_table,
)
from utilities.mistakes import by_character, confusion_table, frequent_errors, visible
from utilities.model_tables import (
    figures,
    headline_table,
    model_table,
    paired_table,
    readable_pairs,
    rows_left_out,
    variant_table,
)
from utilities.predictions_table import (
    FOLDER_VARIABLE,
    PredictionsError,
    find_predictions,
    judged_models,
    load_predictions,
    population,
    read_predictions,
    rows_read,
    words_judged,
    words_read,
)
from utilities.word_tables import by_length, confident_errors, least_certain, per_word_statistics

__all__ = [
    "FOLDER_VARIABLE",
    "PredictionsError",
    "acceptance_curve",
    "by_character",
    "by_length",
    "calibration_error",
    "calibration_error_by_chance",
    "calibration_table",
    "confident_errors",
    "confusion_table",
    "figures",
    "find_predictions",
    "frequent_errors",
    "headline_table",
    "judged_models",
    "least_certain",
    "load_predictions",
    "model_table",
    "notes",
    "paired_table",
    "per_word_statistics",
    "population",
    "read_predictions",
    "readable_pairs",
    "rows_left_out",
    "rows_read",
    "variant_table",
    "visible",
    "words_judged",
    "words_read",
]
