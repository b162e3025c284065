"""How a trial of the tuner trains: like any other run, from the same start each time, and seen in TensorBoard."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import keras

from utilities.config import Config
from utilities.examination import preprocessing_of
from utilities.full_model import build_full_model, prediction_model_of
from utilities.history import kept_of
from utilities.hyperparameters import resolve
from utilities.model import RecognizerSpec, frame_counter
from utilities.model_cost import operations
from utilities.plan import trial_plan
from utilities.training import Progress
from utilities.training_run import TrainingRun
from utilities.training_set import training_set_for
from utilities.trial_log import TrialLog


class TrialTraining:
    """Trains with the values of one trial after another, on images that are loaded once."""

    def __init__(self, config: Config, logs: Path):
        self._config, self._logs = config, logs
        self._base = resolve(config.train.architecture, config.train.hyperparameters)
        how = preprocessing_of(config.project)
        frames = frame_counter(config.train.architecture, how.height, self._base)
        self._data = training_set_for(config, config.tune.image_set, how, frames)

    def __call__(self, values: Mapping[str, object], after_epoch: Callable[[dict], None]) -> tuple[Progress, float]:
        """How the training with these values went, and what a prediction costs, in millions of operations.

        `after_epoch` gets each row of the history, and may end the training by raising something.
        """
        train, tune, data = self._config.train, self._config.tune, self._data
        hyperparameters = resolve(train.architecture, asdict(self._base), values)
        keras.utils.clear_session()
        keras.utils.set_random_seed(tune.seed)
        log = TrialLog(self._logs, hyperparameters)

        def logged(history):
            log.add(history[-1], kept=kept_of(history, train.early_stopping))
            after_epoch(history[-1])

        try:
            spec = RecognizerSpec(train.architecture, data.alphabet, data.how, hyperparameters)
            full = build_full_model(spec)
            network = prediction_model_of(full)
            run = TrainingRun(spec, full, network, data, trial_plan(train, tune, hyperparameters.learning_rate))
            return run.train(logged), operations(network, data.how.width) / 1e6
        finally:
            log.close()
