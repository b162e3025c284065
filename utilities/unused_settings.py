"""Settings that a stage does not use, because the model file decides: said before work begins."""

from utilities.config import Project, Train
from utilities.hyperparameters import DEFAULTS, FIELDS
from utilities.model import RecognizerSpec
from utilities.setting_keys import KEYS


def warn_unused(train: Train, spec: RecognizerSpec) -> None:
    """Say what a transfer does not take from [train], as it goes on with the model as it is."""
    given, own = train.hyperparameters, vars(spec.hyperparameters)
    unused = [
        f"{FIELDS[name].key} = {value} (it has {own[name]})"
        for name, value in given.items()
        if value != own[name] and name not in ("batch_size", "learning_rate")
    ]
    if train.architecture != spec.architecture:
        unused.insert(0, f"ARCHITECTURE = {train.architecture} (it is {spec.architecture})")
    if train.num_epochs != KEYS["train"]["NUM_EPOCHS"].default:
        unused.append(f"NUM_EPOCHS = {train.num_epochs} (RETRAINING_ and FINE_TUNING_EPOCHS decide)")
    if train.max_minutes:
        unused.append(f"MAX_MINUTES = {train.max_minutes:g} (that of [transfer] decides)")
    if given.get("learning_rate", usual := DEFAULTS[spec.architecture].learning_rate) != usual:
        unused.append("LEARNING_RATE (a transfer has RETRAINING_LEARNING_RATE and FINE_TUNING_LEARNING_RATE)")
    if unused:
        print(f"The model stays as it is. Not used of [train]: {', '.join(unused)}.")


def warn_differences(project: Project, spec: RecognizerSpec) -> None:
    """Say where the model file's canvas replaces the settings'."""
    how = spec.preprocessing
    if (project.img_height, project.img_width) != (how.height, how.width):
        print(
            f"The model reads {how.height} x {how.width} px (height x width); IMG_HEIGHT = {project.img_height} and"
            f" IMG_WIDTH = {project.img_width} of setup.cfg are not used."
        )
