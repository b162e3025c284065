"""Keras and what it runs on: started without chatter on a device chosen for it, and which GPUs it then has."""

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from utilities.gpu import VISIBLE, DeviceChoice, choose_device
from utilities.safe_files import require_temporary_folder

QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # 3: fatal only
    "ABSL_MIN_LOG_LEVEL": "3",
    "GLOG_minloglevel": "3",
    "GRPC_VERBOSITY": "ERROR",
    "AUTOGRAPH_VERBOSITY": "0",
    "JAX_LOGGING_LEVEL": "ERROR",
}


def start_framework(seed: int, announce: bool = True) -> None:
    """Choose the device, start Keras on it without chatter, and seed everything random.

    What the device is, is said after that, since a driver that answers does not mean that the framework can use it.
    Raises NoSpaceError where there is no folder for temporary files.
    """
    require_temporary_folder()
    quiet_frameworks()
    device = choose_device()
    with _silenced_stderr(), _kept_for_good():
        import absl.logging
        import keras

        absl.logging.set_verbosity(absl.logging.ERROR)  # Keras calls .h5 files legacy at every save
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of each new width of image

        keras.utils.set_random_seed(seed)
        unusable = device.kind == "gpu" and not framework_gpus()
    if unusable:
        print(_without_gpu(device, keras.config.backend()))
    elif announce:
        print(device.message)


def quiet_frameworks(environ: MutableMapping[str, str] = os.environ) -> None:
    """Ask native libraries to print fatal errors only; what the user set stays. Call before a framework starts."""
    for name, value in QUIET.items():
        environ.setdefault(name, value)


def framework_gpus() -> list[str]:
    """The GPUs that the framework runs on, by its own names; starts the framework where it does not run yet."""
    import keras

    if keras.config.backend() == "torch":  # Keras (3.15) has no list of devices for it
        import torch

        return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    try:
        return keras.distribution.list_devices("gpu")
    except RuntimeError:  # how JAX says that there is none
        return []


def tensorflow_on_cpu() -> bool:
    """Whether the framework is TensorFlow and has no GPU: some of Keras's layers have quicker ways to train there."""
    import keras

    return keras.config.backend() == "tensorflow" and not framework_gpus()


def _without_gpu(device: DeviceChoice, framework: str) -> str:
    """What the user should know where a GPU was chosen that the framework does not find."""
    which = f"the GPU {device.name}" if device.name else f"GPU {os.environ.get(VISIBLE)}"
    return (
        f"Using the CPU: {framework} cannot use {which}. Perhaps it was installed without CUDA (then `make install"
        " GPU=yes`), or the driver is older than it wants; training takes many times as long."
    )


@contextmanager
def _kept_for_good() -> Iterator[None]:
    """What is made meanwhile stays until the process ends, and nobody looks for garbage in it.

    A framework's modules are some hundred thousand objects. Looking through them while they load and again when Python
    ends took 1.6 s of the 4 of a command that does nothing else.
    """
    if "keras" in sys.modules:  # it runs already, and there are models that must not stay
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Hold back what native code prints on stderr while a framework starts; show it only if that fails."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:  # not Ctrl-C
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
