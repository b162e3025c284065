"""The choice of a GPU, with a stand-in for pynvml."""

import sys
from types import SimpleNamespace

import pytest

from utilities.errors import UserError
from utilities.gpu import choose_device, devices_for_workers, visible_names

GIB = 2**30


class NVMLError(Exception):
    """As pynvml's."""


MISMATCH = NVMLError("Driver/library\nversion mismatch")


class StandIn:
    """pynvml with GPUs of given free GiB; None: its memory query fails. `failing` names calls that fail."""

    NVMLError = NVMLError

    def __init__(self, *free, failing=(), error=MISMATCH, as_bytes=False):
        self.free, self.failing, self.error, self.as_bytes = free, failing, error, as_bytes
        self.calls = []

    def _call(self, name):
        self.calls.append(name)
        if name in self.failing:
            raise self.error

    def _text(self, text):
        return text.encode() if self.as_bytes else text

    def nvmlInit(self):
        self._call("init")

    def nvmlShutdown(self):
        self._call("shutdown")

    def nvmlDeviceGetCount(self):
        self._call("count")
        return len(self.free)

    def nvmlDeviceGetHandleByIndex(self, index):
        self._call("handle")
        return index

    def nvmlDeviceGetUUID(self, handle):
        self._call("uuid")
        return self._text(f"GPU-{handle}")

    def nvmlDeviceGetName(self, handle):
        self._call("name")
        return self._text("NVIDIA H100")

    def nvmlDeviceGetMemoryInfo(self, handle):
        self._call("memory")
        if self.free[handle] is None:
            raise NVMLError("GPU is lost")
        return SimpleNamespace(free=self.free[handle] * GIB)


@pytest.mark.parametrize(
    ("free", "index"),
    [((80, 10, 20), 0), ((10, 20, 80), 2), ((10, 80, 20), 1), ((5,), 0), ((7, 7), 0), ((0,), 0), ((None, 3, 9), 2)],
)
def test_most_free_memory_by_uuid(free, index):
    environ, nvml = {}, StandIn(*free)
    choice = choose_device(environ, nvml)
    assert (choice.kind, choice.name) == ("gpu", "NVIDIA H100")
    assert environ["CUDA_VISIBLE_DEVICES"] == f"GPU-{index}"
    assert environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true" and environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert f"GPU-{index}" in choice.message and "\n" not in choice.message
    assert nvml.calls.count("shutdown") == 1


def test_old_versions_answer_in_bytes():
    environ = {}
    assert choose_device(environ, StandIn(1, 2, as_bytes=True)).name == "NVIDIA H100"
    assert environ["CUDA_VISIBLE_DEVICES"] == "GPU-1"


@pytest.mark.parametrize(
    ("value", "kind"), [("1", "gpu"), ("0,1", "gpu"), ("GPU-abc", "gpu"), ("", "cpu"), ("-1", "cpu"), ("-1,0", "cpu")]
)
def test_what_the_user_set_is_respected(value, kind):
    environ, nvml = {"CUDA_VISIBLE_DEVICES": value}, StandIn(80, 80)
    choice = choose_device(environ, nvml)
    assert environ["CUDA_VISIBLE_DEVICES"] == value and nvml.calls == []
    assert (choice.kind, choice.name) == (kind, None) and "CUDA_VISIBLE_DEVICES" in choice.message
    assert environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


@pytest.mark.parametrize("error", [MISMATCH, OSError("libnvidia-ml.so\nis broken")])
@pytest.mark.parametrize("failing", ["init", "count", "handle", "uuid", "name", "memory"])
def test_a_broken_driver_means_cpu_with_one_line(failing, error):
    environ, nvml = {}, StandIn(80, failing=(failing, "shutdown"), error=error)
    choice = choose_device(environ, nvml)
    assert choice.kind == "cpu" and choice.name is None
    assert choice.message.startswith("Using the CPU: ") and "\n" not in choice.message
    assert environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert nvml.calls.count("shutdown") == (0 if failing == "init" else 1)


def test_a_failing_goodbye_does_not_lose_the_choice():
    assert choose_device({}, StandIn(1, failing=("shutdown",))).kind == "gpu"


def test_no_gpu():
    environ, nvml = {}, StandIn()
    assert choose_device(environ, nvml).kind == "cpu"
    assert environ["CUDA_VISIBLE_DEVICES"] == "-1" and "shutdown" in nvml.calls


def test_no_gpu_answers():
    choice = choose_device({}, StandIn(None, None))
    assert choice.kind == "cpu" and "GPU is lost" in choice.message


def test_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    environ = {}
    choice = choose_device(environ)
    assert choice.kind == "cpu" and "nvidia-ml-py" in choice.message and environ["CUDA_VISIBLE_DEVICES"] == "-1"


def test_the_library_is_used_when_none_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", StandIn(1, 2))
    environ = {}
    choose_device(environ)
    assert environ["CUDA_VISIBLE_DEVICES"] == "GPU-1"


def test_the_users_growth_setting_stays():
    environ = {"TF_FORCE_GPU_ALLOW_GROWTH": "false"}
    choose_device(environ, StandIn(1))
    assert environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "false"


def test_workers_get_a_gpu_each_the_emptiest_first():
    devices, line = devices_for_workers(2, {}, StandIn(3, 9, 6))
    assert [d["CUDA_VISIBLE_DEVICES"] for d in devices] == ["GPU-1", "GPU-2"]
    assert "2 of 3" in line
    devices, _ = devices_for_workers(2, {"CUDA_VISIBLE_DEVICES": "5,1"}, StandIn(3, 9, 6))
    assert [d["CUDA_VISIBLE_DEVICES"] for d in devices] == ["5", "1"]
    with pytest.raises(UserError, match="this machine has 1 GPU;"):  # CUDA does not see those after -1
        devices_for_workers(2, {"CUDA_VISIBLE_DEVICES": "5,-1,1"}, StandIn(3, 9, 6))


def test_workers_without_a_gpu_share_the_cores():
    devices, line = devices_for_workers(3, {}, StandIn(), cores=8)
    assert [d["CUDA_VISIBLE_DEVICES"] for d in devices] == ["-1"] * 3
    assert {d["TF_NUM_INTRAOP_THREADS"] for d in devices} == {"2"}
    assert "2 of 8 cores" in line
    assert devices_for_workers(1, {}, StandIn(), cores=8)[0] == [{"CUDA_VISIBLE_DEVICES": "-1"}]
    for hidden in ("", "-1"):  # by the user
        devices, line = devices_for_workers(2, {"CUDA_VISIBLE_DEVICES": hidden}, StandIn(5, 5), cores=8)
        assert [d["CUDA_VISIBLE_DEVICES"] for d in devices] == ["-1"] * 2 and f"is set to {hidden!r}" in line


@pytest.mark.parametrize(("count", "gpus"), [(4, (3, 9, 6)), (9, ())])
def test_more_workers_than_the_machine_holds_are_refused(count, gpus):
    with pytest.raises(UserError, match=f"WORKERS = {count}.*at most"):
        devices_for_workers(count, {}, StandIn(*gpus), cores=8)


def test_the_chosen_gpu_is_named():
    environ = {}
    nvml = StandIn(3, 9)
    choice = choose_device(environ, nvml)
    assert visible_names(environ, nvml) == [choice.name]
    assert len(visible_names({}, nvml)) == 2
    assert visible_names({"CUDA_VISIBLE_DEVICES": "-1"}, nvml) == []


def test_how_much_memory_is_free_is_said():
    nvml = SimpleNamespace(
        NVMLError=OSError, nvmlInit=lambda: None, nvmlShutdown=lambda: None, nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=int, nvmlDeviceGetUUID=lambda _: "GPU-0", nvmlDeviceGetName=lambda _: "NVIDIA H100",
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(free=9 * 2**30),
    )  # fmt: skip
    assert choose_device({}, nvml).message == "Using the GPU NVIDIA H100 (GPU-0) with 9.0 GiB free, of 1 found."
