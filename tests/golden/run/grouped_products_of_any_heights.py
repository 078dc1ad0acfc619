# k, grid 3, X f16[*,32] W f16[G,32,16] Sizes i32[G] Y zeros f32[*,16], G=4 BM=16 BN=16 BK=16 D=32 PROGRAMS=3
# rows of X belong to groups of Sizes * 7 + 3 rows, each with its own weights; programs take tiles in turn
# kernel: k
# signature: *fp16:16, *fp16:16, *i32:16, *fp32:16, i32, 16, 16, 16, 32, 3
# grid: 3 1
# scalars: 4
import triton
import triton.language as tl


@triton.jit
def k(X, W, Sizes, Y, G, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, D: tl.constexpr, PROGRAMS: tl.constexpr):
    tile = tl.program_id(0)
    seen = 0
    row = 0
    rn = tl.arange(0, BN)
    rk = tl.arange(0, BK)
    for g in range(G):
        rows = tl.load(Sizes + g) * 7 + 3
        tiles = tl.cdiv(rows, BM)
        while tile >= seen and tile < seen + tiles:
            first = (tile - seen) * BM
            rm = first + tl.arange(0, BM)
            acc = tl.zeros((BM, BN), dtype=tl.float32)
            for k0 in range(0, D, BK):
                x = tl.load(X + (row + rm)[:, None] * D + (k0 + rk)[None, :], mask=rm[:, None] < rows, other=0.0)
                w = tl.load(W + g * D * BN + (k0 + rk)[:, None] * BN + rn[None, :])
                acc = tl.dot(x, w, acc)
            tl.store(Y + (row + rm)[:, None] * BN + rn[None, :], acc, mask=rm[:, None] < rows)
            tile += PROGRAMS
        seen += tiles
        row += rows
