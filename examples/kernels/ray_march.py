"""A small scene, ray-marched: three balls on a chequered floor.

Every pixel walks along its ray by the distance to the nearest surface until
it touches one, then asks for the light: a shadow is another walk, towards the
sun; a mirror is one more, from where the first one ended.
"""
import triton
import triton.language as tl

FAR: tl.constexpr = 40.0
STEPS: tl.constexpr = 72


@triton.jit
def length(x, y, z):
    return tl.sqrt(x * x + y * y + z * z)


@triton.jit
def normalise(x, y, z):
    n = tl.rsqrt(x * x + y * y + z * z)
    return x * n, y * n, z * n


@triton.jit
def distance(x, y, z):
    """From a point to the nearest surface."""
    floor = y + 1.0
    big = length(x, y, z - 6.0) - 1.0
    left = length(x + 2.1, y + 0.35, z - 5.2) - 0.65
    right = length(x - 1.9, y + 0.5, z - 4.9) - 0.5
    # A ring around the big ball, tilted.
    u = 0.9 * y - 0.436 * (z - 6.0)
    v = 0.436 * y + 0.9 * (z - 6.0)
    around = tl.sqrt(x * x + v * v) - 1.55
    ring = tl.sqrt(around * around + u * u) - 0.09
    return tl.minimum(tl.minimum(floor, ring), tl.minimum(big, tl.minimum(left, right)))


@triton.jit
def slope(x, y, z):
    """The direction in which the distance grows most: the surface's normal."""
    e = 1e-3
    a = distance(x + e, y - e, z - e)
    b = distance(x - e, y - e, z + e)
    c = distance(x - e, y + e, z - e)
    d = distance(x + e, y + e, z + e)
    return normalise(a - b - c + d, c + d - a - b, b + d - a - c)


@triton.jit
def march(x, y, z, dx, dy, dz):
    """How far the ray goes before it touches something, at most FAR."""
    t = tl.full(dx.shape, 0.02, tl.float32)
    for _ in range(STEPS):
        step = distance(x + t * dx, y + t * dy, z + t * dz)
        t = tl.where((step > 2e-4 * t) & (t < FAR), t + step, t)
    return t


@triton.jit
def sunlight(x, y, z, dx, dy, dz):
    """How much of the sun is seen: less where the ray only just passes."""
    t = tl.full(x.shape, 0.03, tl.float32)
    seen = tl.full(x.shape, 1.0, tl.float32)
    for _ in range(36):
        step = distance(x + t * dx, y + t * dy, z + t * dz)
        seen = tl.minimum(seen, 14.0 * step / t)
        t += tl.maximum(step, 0.02)
    return tl.maximum(seen, 0.0)


@triton.jit
def sky(dx, dy, dz, sx, sy, sz):
    up = tl.maximum(dy, 0.0)
    sun = tl.maximum(dx * sx + dy * sy + dz * sz, 0.0)
    glow = tl.exp2(300.0 * (sun - 1.0)) * 2.0 + tl.exp2(12.0 * (sun - 1.0)) * 0.35
    haze = tl.exp2(-6.0 * up)
    red = 0.22 + 0.50 * haze + glow
    green = 0.38 + 0.42 * haze + 0.8 * glow
    blue = 0.72 + 0.18 * haze + 0.5 * glow
    return red, green, blue


@triton.jit
def surface(x, y, z, dx, dy, dz, t, sx, sy, sz):
    """Colour, mirror share and normal of what the ray met at distance t."""
    px, py, pz = x + t * dx, y + t * dy, z + t * dz
    nx, ny, nz = slope(px, py, pz)
    from_big = length(px, py, pz - 6.0)
    squares = (tl.floor(px + 0.5) + tl.floor(pz)) * 0.5
    light_square = squares - tl.floor(squares) < 0.25
    on_left = length(px + 2.1, py + 0.35, pz - 5.2) < 0.67
    on_right = length(px - 1.9, py + 0.5, pz - 4.9) < 0.52
    on_ring = (from_big > 1.05) & (from_big < 1.8) & (py > -0.9)
    on_floor = (from_big >= 1.05) & ~on_left & ~on_right & ~on_ring
    # Far squares are smaller than a pixel.
    sharp = tl.exp2(-0.006 * t * t)
    grey = 0.35 + sharp * tl.where(light_square, 0.35, -0.26)
    red = tl.where(on_floor, grey, tl.where(on_left, 0.85, tl.where(on_right, 0.15, tl.where(on_ring, 0.95, 0.90))))
    green = tl.where(on_floor, grey, tl.where(on_left, 0.20, tl.where(on_right, 0.55, tl.where(on_ring, 0.68, 0.92))))
    blue = tl.where(on_floor, grey, tl.where(on_left, 0.12, tl.where(on_right, 0.85, tl.where(on_ring, 0.22, 0.95))))
    facing = tl.maximum(nx * sx + ny * sy + nz * sz, 0.0)
    seen = sunlight(px + 2e-3 * nx, py + 2e-3 * ny, pz + 2e-3 * nz, sx, sy, sz)
    light = 1.15 * facing * seen
    ambient = 0.30 + 0.14 * ny
    red *= light * 1.05 + ambient * 0.85
    green *= light * 0.98 + ambient * 0.95
    blue *= light * 0.86 + ambient * 1.15
    share = tl.where(on_floor, 0.14, tl.where(on_left | on_right, 0.22, tl.where(on_ring, 0.45, 0.72)))
    return red, green, blue, share, px, py, pz, nx, ny, nz


@triton.jit
def ray_march_kernel(image, width, height, BLOCK: tl.constexpr, SAMPLES: tl.constexpr):
    """Writes width * height pixels of four bytes: red, green, blue, 255."""
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    column = pixel % width
    row = pixel // width
    sx, sy, sz = normalise(-0.55, 0.62, -0.42)
    red = tl.zeros([BLOCK], tl.float32)
    green = tl.zeros([BLOCK], tl.float32)
    blue = tl.zeros([BLOCK], tl.float32)
    for sample in range(SAMPLES * SAMPLES):
        right = (sample % SAMPLES + 0.5) / SAMPLES
        down = (sample // SAMPLES + 0.5) / SAMPLES
        u = (2.0 * (column + right) - width) / height
        v = (height - 2.0 * (row + down)) / height
        dx, dy, dz = normalise(u, v - 0.12, tl.full([BLOCK], 1.9, tl.float32))
        x, y, z = 0.0, 0.35, 0.0
        t = march(x, y, z, dx, dy, dz)
        r, g, b, share, px, py, pz, nx, ny, nz = surface(x, y, z, dx, dy, dz, t, sx, sy, sz)
        # The mirror's ray.
        along = 2.0 * (dx * nx + dy * ny + dz * nz)
        mx, my, mz = dx - along * nx, dy - along * ny, dz - along * nz
        ox, oy, oz = px + 4e-3 * nx, py + 4e-3 * ny, pz + 4e-3 * nz
        mt = march(ox, oy, oz, mx, my, mz)
        mr, mg, mb, _, _, _, _, _, _, _ = surface(ox, oy, oz, mx, my, mz, mt, sx, sy, sz)
        kr, kg, kb = sky(mx, my, mz, sx, sy, sz)
        missed = mt >= FAR
        # More is mirrored at a flat angle (Schlick's approximation).
        flat = tl.minimum(tl.maximum(1.0 + 0.5 * along, 0.0), 1.0)
        share += (1.0 - share) * flat * flat * flat * flat * flat * 0.6
        r += (tl.where(missed, kr, mr) - r) * share
        g += (tl.where(missed, kg, mg) - g) * share
        b += (tl.where(missed, kb, mb) - b) * share
        hr, hg, hb = sky(dx, dy, dz, sx, sy, sz)
        fog = 1.0 - tl.exp2(-0.0022 * t * t)
        fog = tl.where(t >= FAR, 1.0, fog)
        red += r + (hr - r) * fog
        green += g + (hg - g) * fog
        blue += b + (hb - b) * fog
    n = 1.0 / (SAMPLES * SAMPLES)
    # Towards white without clipping, then the screen's curve.
    red = tl.sqrt(1.0 - tl.exp2(-1.9 * red * n))
    green = tl.sqrt(1.0 - tl.exp2(-1.9 * green * n))
    blue = tl.sqrt(1.0 - tl.exp2(-1.9 * blue * n))
    inside = pixel < width * height
    tl.store(image + pixel * 4 + 0, (255.0 * red + 0.5).to(tl.uint8), mask=inside)
    tl.store(image + pixel * 4 + 1, (255.0 * green + 0.5).to(tl.uint8), mask=inside)
    tl.store(image + pixel * 4 + 2, (255.0 * blue + 0.5).to(tl.uint8), mask=inside)
    tl.store(image + pixel * 4 + 3, tl.full([BLOCK], 255, tl.uint8), mask=inside)
