# SPDX-License-Identifier: MIT
"""Names of the Triton language, so that kernels can be defined. A kernel's body
never runs in Python: these names only need to exist, and say so when called."""


class _Name:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(f"{self._name}.{name}")

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{self._name} works only inside of a kernel")

    def __repr__(self):
        return self._name


class constexpr:
    """Marks a parameter as known at compile time; wraps a module constant."""

    def __init__(self, value):
        self.value = value


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Name(f"tl.{name}")
