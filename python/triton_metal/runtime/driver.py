# SPDX-License-Identifier: MIT
"""Upstream's triton.runtime.driver: `driver.active` is the Metal device with
its properties, its stream, and what do_bench asks of it."""
from .. import _runtime
from ..compiler import GPUTarget


class Event:
    """A point in a stream's launches, by the host's clock: recording waits
    for what was launched before."""

    def __init__(self, enable_timing=True):
        self._time = None

    def record(self, stream=None):
        import time

        _runtime.synchronize()
        self._time = time.perf_counter()

    def synchronize(self):
        _runtime.synchronize()

    def elapsed_time(self, later):
        """Milliseconds from this event to the other."""
        return 1e3 * (later._time - self._time)


class DeviceInterface:
    """What torch.cuda is for CUDA devices, as far as host code asks."""

    Event = Event

    @staticmethod
    def synchronize(device=None):
        _runtime.synchronize()

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def set_device(device):
        if device not in (0, None):
            raise ValueError("there is one device, number 0")

    @staticmethod
    def current_stream(device=None):
        return _runtime.current_stream()


class Utils:
    """The device's properties under upstream's names."""

    @staticmethod
    def get_device_properties(device=0):
        from ..backends import metal

        facts = metal.environment()
        return {"max_shared_mem": facts["threadgroup_bytes"], "multiprocessor_count": metal.gpu_cores(),
                "max_num_regs": 65536, "warpSize": 32, "max_threads_per_block": facts["max_threads"],
                "sm_clock_rate": 0, "mem_clock_rate": 0, "mem_bus_width": 0, "name": facts["device"],
                "chip": facts["chip"]}


class MetalDriver:
    """The one driver."""

    utils = Utils()
    device_interface = DeviceInterface()

    @staticmethod
    def is_active():
        from ..backends import metal

        return metal.is_available()

    @staticmethod
    def get_current_device():
        return 0

    @staticmethod
    def set_current_device(device):
        DeviceInterface.set_device(device)

    @staticmethod
    def get_current_stream(device=0):
        """The address of the current tm_stream."""
        return _runtime.current_stream().handle.value

    @staticmethod
    def get_current_target():
        from ..backends import metal

        return GPUTarget("metal", metal.environment()["chip"] or "m1", 32)

    @staticmethod
    def get_device_interface():
        return DeviceInterface

    @staticmethod
    def get_active_torch_device():
        import torch

        mps = getattr(torch.backends, "mps", None)
        return torch.device("mps" if mps is not None and mps.is_available() else "cpu")

    @staticmethod
    def get_benchmarker():
        from ..testing import do_bench

        return do_bench

    @staticmethod
    def get_empty_cache_for_benchmark():
        return None

    @staticmethod
    def clear_cache(cache):
        """Nothing: launches here share no cache with what came before but the
        GPU's own, which is as a program would find it."""


class DriverConfig:
    """Holds the active driver."""

    def __init__(self):
        self.default = self.active = MetalDriver()

    def set_active(self, driver):
        self.active = driver

    def reset_active(self):
        self.active = self.default


driver = DriverConfig()
active = driver.active
