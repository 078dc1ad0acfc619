# SPDX-License-Identifier: MIT
"""Writes tests/golden/random.tsv: what tl.randint4x and tl.rand give.

    build/upstream-venv/bin/python3 tests/random_table.py

Philox 4x32 of Salmon et al. (SC 2011) in Python integers, keyed and counted as
upstream's random.py does it: the key is the seed's low and high word, the
counter the offset's low and high word, 0, 0. The published known answers of
the generator are checked first. A row: seed, offset, rounds, four words, and
the float32 of the first word as tl.rand makes it, by its bits.
"""
import os

import numpy as np

M0, M1, W0, W1, MASK = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF


def philox(c, k, rounds):
    for _ in range(rounds):
        a, b = M0 * c[0], M1 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + W0) & MASK, (k[1] + W1) & MASK]
    return c


def uniform(word):
    x = word if word < 2**31 else 2**32 - 1 - word  # ~x of a negative int32
    return np.float32(np.float32(x) * np.float32(4.6566127342e-10))


def main():
    assert philox([0] * 4, [0] * 2, 10) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([MASK] * 4, [MASK] * 2, 10) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert philox([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], 10) == [
        0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
    rows = []
    for seed in (0, 1, -1, 12345, 2**31 - 1, 2**31, 2**32 + 7, 2**63 - 1, -2**63, 0x0123456789ABCDEF):
        for offset in (0, 1, 2, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40 + 3, 2**63 - 1):
            for rounds in (10, 7):
                k = [seed & MASK, (seed >> 32) & MASK]
                words = philox([offset & MASK, (offset >> 32) & MASK, 0, 0], k, rounds)
                bits = int(uniform(words[0]).view(np.uint32))
                rows.append("\t".join(str(v) for v in [seed, offset, rounds] + words + [bits]))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "random.tsv")
    with open(path, "w", encoding="utf-8") as out:
        out.write("# made by random_table.py: seed, offset, rounds, four words, bits of tl.rand\n")
        out.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
