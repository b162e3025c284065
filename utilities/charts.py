"""The one address of the figures, for the notebook and the report; each noun has its own file."""

from utilities.chart_style import new_figure
from utilities.confidence_charts import acceptance_chart, calibration_chart, confidence_histogram
from utilities.mistake_charts import error_bars, length_chart
from utilities.model_charts import box_plots, interval_plot, match_bars
from utilities.training_chart import training_history_chart
from utilities.word_gallery import word_gallery

__all__ = [
    "acceptance_chart",
    "box_plots",
    "calibration_chart",
    "confidence_histogram",
    "error_bars",
    "interval_plot",
    "length_chart",
    "match_bars",
    "new_figure",
    "training_history_chart",
    "word_gallery",
]
