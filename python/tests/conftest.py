# SPDX-License-Identifier: MIT
"""All tests use the library of this tree's build folder, or the one that
TRITON_METAL_LIBRARY names, and a cache of their own."""
import os
import sys
import tempfile

os.environ.setdefault("TRITON_METAL_CACHE_DIR", tempfile.mkdtemp(prefix="triton_metal_tests_"))
if os.environ.get("TRITON_METAL_TEST_INSTALLED") != "1":
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
