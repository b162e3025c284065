"""Choose a GPU with pynvml before a framework starts: the one with the most free memory, by UUID.

NVML counts GPUs in another order than CUDA, so an index would be ambiguous; a UUID is not.
"""

import os
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from types import ModuleType

from utilities.counts import number_of
from utilities.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
GIB = 2**30
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class DeviceChoice:
    """What was chosen, and one line for the user; the name of a GPU chosen here."""

    kind: str  # "gpu" or "cpu"
    name: str | None
    message: str


def choose_device(environ: MutableMapping[str, str] = os.environ, nvml: ModuleType | None = None) -> DeviceChoice:
    """Make one GPU visible, or the CPU alone. A CUDA_VISIBLE_DEVICES that the user set is respected.

    `nvml` stands in for pynvml in tests. Call before TensorFlow, JAX or PyTorch is imported.
    """
    environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # a shared server stays shared
    environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if VISIBLE in environ:
        return _users_choice(environ[VISIBLE])
    gpus, trouble = _free_memory(nvml)
    if not gpus:
        environ[VISIBLE] = "-1"  # else a framework tries the absent or broken driver itself, and prints pages of errors
        return DeviceChoice("cpu", None, f"Using the CPU: {trouble}.")
    uuid, name, free = max(gpus, key=lambda gpu: gpu[2])
    environ[VISIBLE] = uuid
    message = f"Using the GPU {name} ({uuid}) with {free / GIB:.1f} GiB free, of {len(gpus)} found."
    return DeviceChoice("gpu", name, message)


def devices_for_workers(
    count: int, environ: Mapping[str, str] = os.environ, nvml: ModuleType | None = None, cores: int | None = None
) -> tuple[list[dict[str, str]], str]:
    """The environment of each of `count` processes side by side, and a line for the user.

    Each gets a GPU of its own, those with the most free memory first; without GPUs the cores are divided. Raises
    UserError when there are not enough.
    """
    trouble = f"{VISIBLE} is set to {environ.get(VISIBLE)!r}"
    if VISIBLE in environ:
        gpus = _seen_by_cuda(environ[VISIBLE])
    else:
        found, trouble = _free_memory(nvml)
        gpus = [uuid for uuid, _, _ in sorted(found, key=lambda gpu: -gpu[2])]
    cores = cores or usable_cores()
    most, what = (len(gpus), "GPU") if gpus else (cores, "processor core")
    if count > most:
        raise UserError(
            f"[tune] WORKERS = {count}: this machine has {number_of(most, what)}; allowed is at most {most}."
        )
    if gpus:
        return [
            {VISIBLE: gpu} for gpu in gpus[:count]
        ], f"Using {count} of {len(gpus)} GPUs: {', '.join(gpus[:count])}."
    threads = str(cores // count)
    limits = dict.fromkeys(THREADS, threads) if count > 1 else {}
    line = f"Using the CPU ({trouble})" + (f" with {threads} of {cores} cores for each worker." if count > 1 else ".")
    return [{VISIBLE: "-1"} | limits] * count, line


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_names(environ: Mapping[str, str] = os.environ, nvml: ModuleType | None = None) -> list[str]:
    """Names of the GPUs that CUDA_VISIBLE_DEVICES gives by UUID, as `choose_device` does; of all if it is not set."""
    visible = environ.get(VISIBLE)
    return [name for uuid, name, _ in _free_memory(nvml)[0] if visible is None or uuid in _seen_by_cuda(visible)]


def _users_choice(devices: str) -> DeviceChoice:
    if not _seen_by_cuda(devices):
        return DeviceChoice("cpu", None, f"Using the CPU, because {VISIBLE} is set to {devices!r}.")
    return DeviceChoice("gpu", None, f"Using GPU {devices}, because {VISIBLE} says so.")


def _seen_by_cuda(devices: str) -> list[str]:
    """The devices of a CUDA_VISIBLE_DEVICES; CUDA stops reading at the first that is none."""
    return list(takewhile(lambda device: device not in {"", "-1"}, map(str.strip, devices.split(","))))


def _free_memory(nvml: ModuleType | None) -> tuple[list[tuple[str, str, int]], str]:
    """(uuid, name, free bytes) of each GPU that answers, or why there is none."""
    if nvml is None:
        try:
            import pynvml as nvml
        except (ImportError, OSError) as error:
            return [], f"the package nvidia-ml-py cannot be used ({_line(error)})"
    try:
        nvml.nvmlInit()
    except (nvml.NVMLError, OSError) as error:
        return [], f"no NVIDIA driver answers ({_line(error)})"
    gpus, trouble = [], "the NVIDIA driver reports no GPU"
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                uuid, name = (_text(f(handle)) for f in (nvml.nvmlDeviceGetUUID, nvml.nvmlDeviceGetName))
                gpus.append((uuid, name, int(nvml.nvmlDeviceGetMemoryInfo(handle).free)))
            except (nvml.NVMLError, OSError) as error:
                trouble = f"GPU {index} does not answer ({_line(error)})"
    except (nvml.NVMLError, OSError) as error:
        trouble = f"the NVIDIA driver does not answer ({_line(error)})"
    finally:
        with suppress(nvml.NVMLError, OSError):  # what was read counts, whether or not the driver says goodbye
            nvml.nvmlShutdown()
    return gpus, trouble


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
