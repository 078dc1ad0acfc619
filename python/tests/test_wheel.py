# SPDX-License-Identifier: MIT
"""The package that is tested is whole: where it was installed, its libraries
came along."""
import os

import triton_metal
from triton_metal import _c


def test_the_library_is_the_packages_own():
    folder = os.path.dirname(os.path.abspath(triton_metal.__file__))
    assert os.path.exists(os.path.join(folder, "py.typed"))
    if os.environ.get("TRITON_METAL_TEST_INSTALLED") == "1":
        assert os.path.dirname(os.path.abspath(_c.library._name)) == folder
        from triton_metal.backends import metal

        where = metal.environment()["metal_library"]
        assert not metal.environment()["is_apple"] and os.path.dirname(where) == folder or \
            metal.environment()["is_apple"]


def test_versions_agree():
    assert triton_metal.__version__ == _c.decode(_c.library.tm_version_text())
