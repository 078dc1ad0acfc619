# SPDX-License-Identifier: MIT
"""Builds the wheel: the package with the shared libraries of ../build in it,
which are built first where they are missing. One wheel serves every Python 3,
since ctypes needs no extension module."""
import os
import re
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
LIBRARIES = ["libtritonmetal.dylib"] if sys.platform == "darwin" else ["libtritonmetal.so", "libsoftmetal.so"]


def version():
    with open(os.path.join(ROOT, "include", "tritonmetal.h"), encoding="utf-8") as file:
        return re.search(r'#define TM_VERSION_STRING "([^"]+)"', file.read()).group(1)


def libraries():
    """The files to bundle, from BUILD or ../build."""
    folder = os.environ.get("TRITON_METAL_BUILD", os.path.join(ROOT, "build"))
    paths = [os.path.join(folder, name) for name in LIBRARIES]
    if not all(map(os.path.exists, paths)):
        subprocess.check_call(["make", "-C", ROOT, f"BUILD={folder}"])
    return paths


class BuildWithLibraries(build_py):
    def run(self):
        super().run()
        for path in libraries():
            shutil.copyfile(os.path.realpath(path),
                            os.path.join(self.build_lib, "triton_metal", os.path.basename(path)))


class PlatformWheel(bdist_wheel):
    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithBinaries(Distribution):
    def has_ext_modules(self):
        return True


PACKAGES = ["triton_metal", "triton_metal.backends", "triton_metal.compat", "triton_metal.compiler",
            "triton_metal.language", "triton_metal.language.extra", "triton_metal.language.extra.cuda",
            "triton_metal.language.extra.hip", "triton_metal.runtime", "triton_metal.tools"]

setup(version=version(), packages=PACKAGES, distclass=WithBinaries,
      package_data={"triton_metal": ["py.typed", "*.pyi", "**/*.pyi"]},
      cmdclass={"build_py": BuildWithLibraries, "bdist_wheel": PlatformWheel})
