"""Random programs over the whole vocabulary: both modes, both orders, and difference quotients agree.

Every step takes matrices of three by three and gives one; its numbers are squashed into (-1, 1), so that any step can
follow any other.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_book as ab

EYE = np.eye(3)
SLOPE = np.array([[0.3, -0.2, 0.5], [0.1, 0.7, -0.4], [-0.6, 0.2, 0.9]])
safe = lambda x: 3.0 * EYE + x  # invertible for |x| < 1
spd = lambda x: x @ x.T + EYE  # symmetric, positive definite
row = lambda v: np.ones((3, 1)) * v  # a vector of three as a matrix
full = lambda s: EYE * s  # a number as a matrix

UNARY = {
    # elementwise
    "sin": np.sin, "cos": np.cos, "exp": np.exp, "expm1": np.expm1, "square": np.square, "negative": np.negative,
    "log": lambda x: np.log(x + 2.0), "log1p": np.log1p, "sqrt": lambda x: np.sqrt(x + 2.0), "cbrt": lambda x: np.cbrt(x + 2.0),
    "arctan": np.arctan, "arcsinh": np.arcsinh, "arccosh": lambda x: np.arccosh(x + 3.0), "sinh": np.sinh, "tanh": np.tanh,
    "reciprocal": lambda x: np.reciprocal(x + 2.0), "power": lambda x: (x + 2.0) ** 1.7, "sinc": np.sinc, "i0": np.i0,
    "deg2rad": lambda x: np.deg2rad(90 * x), "clip": lambda x: np.clip(x, -0.9, 0.9) + x, "nan_to_num": np.nan_to_num,
    "where": lambda x: np.where(SLOPE > 0, x, x * x), "complex": lambda x: np.real(np.exp(1j * x) * np.conj(x + 2j)),
    "angle": lambda x: np.angle(x + 2.0 + 1j * x), "modulus": lambda x: np.abs(x + 1j), "exp2": np.exp2,
    # reductions and scans
    "sum": lambda x: x - np.sum(x, axis=0), "mean": lambda x: x * np.mean(x, axis=1, keepdims=True), "prod": lambda x: row(np.prod(x + 1.5, axis=0)),
    "var": lambda x: x + np.var(x, axis=(0, 1)), "std": lambda x: x / (1 + np.std(x + SLOPE, axis=0)), "logsumexp": lambda x: x - ab.logsumexp(x, axis=1, keepdims=True),
    "max": lambda x: x - np.max(x + SLOPE, axis=0), "ptp": lambda x: full(np.ptp(x + SLOPE)), "average": lambda x: row(np.average(x, axis=0, weights=np.exp(x))),
    "cumsum": lambda x: np.cumsum(x, axis=1), "cumprod": lambda x: np.cumprod(x + 1.0, axis=0), "diff": lambda x: np.diff(x, axis=0, append=0.5),
    "gradient": lambda x: np.gradient(x, axis=1), "trapezoid": lambda x: row(np.trapezoid(x, axis=0)) if hasattr(np, "trapezoid") else x,
    "convolve": lambda x: np.convolve(x[0], x[1], "same") * x, "cov": np.cov, "corrcoef": lambda x: np.corrcoef(x + 2 * SLOPE),
    "interp": lambda x: np.interp(SLOPE, [-1.0, 0.0, 1.0], x[0]), "nansum": lambda x: row(np.nansum(x, axis=0)),
    # order
    "sort": lambda x: np.sort(x + SLOPE, axis=0), "median": lambda x: row(np.median(x + SLOPE, axis=1)), "quantile": lambda x: full(np.quantile(x + SLOPE, 0.3)),
    # shapes and indexing
    "transpose": lambda x: x.T, "reshape": lambda x: np.reshape(x, (9,)).reshape((3, 3), order="F"), "roll": lambda x: np.roll(x, (1, 2), (0, 1)),
    "flip": np.flip, "rot90": np.rot90, "tile": lambda x: np.tile(x, (1, 2))[:, 1:4], "repeat": lambda x: np.repeat(x, [1, 0, 2], axis=0),
    "pad": lambda x: np.pad(x, 1, mode="reflect")[:3, 1:4], "tril": lambda x: np.tril(x) + x, "diag": lambda x: np.diag(np.diag(x)) + x,
    "stack": lambda x: np.stack([x[0], x[2], x[1] * x[0]], axis=1), "split": lambda x: np.concatenate(np.split(x, 3, axis=1)[::-1], axis=1),
    "take": lambda x: np.take(x, [2, 2, 0], axis=1), "index": lambda x: x[np.array([0, 0, 2]), :], "mask": lambda x: row(x[SLOPE > 0.2][:3]),
    "at": lambda x: x.at[1].add(x[0]) if isinstance(x, ab.Variable) else x + np.array([[0], [1], [0]]) * x[0],
    "trace": lambda x: full(np.trace(x)), "triu": lambda x: x * np.triu(x), "meshgrid": lambda x: np.meshgrid(x[0], x[1])[0],
    # linear algebra
    "inv": lambda x: np.linalg.inv(safe(x)), "solve": lambda x: np.linalg.solve(safe(x), x), "det": lambda x: full(np.linalg.det(x)),
    "slogdet": lambda x: full(np.linalg.slogdet(safe(x))[1]), "cholesky": lambda x: np.linalg.cholesky(spd(x)), "qr": lambda x: np.linalg.qr(safe(x))[0],
    "svd": lambda x: row(np.linalg.svd(safe(x) + SLOPE, compute_uv=False)), "eigvalsh": lambda x: row(np.linalg.eigvalsh(spd(x) + np.diag([0.0, 2.0, 5.0]))),
    "norm": lambda x: x / np.linalg.norm(x + SLOPE), "power of a matrix": lambda x: np.linalg.matrix_power(x, 3), "pinv": lambda x: np.linalg.pinv(safe(x)),
    # fourier
    "fft": lambda x: np.real(np.fft.ifft(np.fft.fft(x) * np.array([1.0, 0.5j, -0.5j]))), "rfft": lambda x: np.abs(np.fft.rfft(x + 1.5, axis=0))[:1] * x,
    "irfft": lambda x: np.fft.irfft(np.fft.rfft2(x) * (1 + 0.5j), n=3, axis=1), "fftshift": np.fft.fftshift,
}
BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": lambda x, y: x / (y + 2.0), "matmul": np.matmul,
    "arctan2": lambda x, y: np.arctan2(x + 2.0, y), "hypot": lambda x, y: np.hypot(x + 2.0, y), "logaddexp": np.logaddexp,
    "maximum": lambda x, y: np.maximum(x + SLOPE, y), "fmin": lambda x, y: np.fmin(x + SLOPE, y), "power": lambda x, y: (x + 2.0) ** y,
    "outer": lambda x, y: np.outer(x[0], y[:, 1]), "tensordot": lambda x, y: full(np.tensordot(x, y)), "cross": np.cross,
    "einsum": lambda x, y: np.einsum("ij,kj,k->ik", x, y, y[0]), "kron": lambda x, y: np.kron(x, y)[2:5, 4:7], "inner": np.inner,
    "vdot": lambda x, y: full(np.vdot(x, y)), "copysign": lambda x, y: np.copysign(x + 2.0, SLOPE) * y, "vstack": lambda x, y: np.vstack([x[:1], y[1:]]),
    "column_stack": lambda x, y: np.column_stack([x[:, 0], y[:, 1:]]), "append": lambda x, y: np.append(x[:2], y[2:], axis=0),
}
SQUASH = np.tanh

seeds = st.integers(0, 10_000)
steps = st.one_of(
    st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 5)),
    st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 5), st.integers(0, 5)),
)
programs = st.lists(steps, min_size=1, max_size=5)


def execute(program, x, y):
    values = [x, y]
    for name, *places in program:
        table = UNARY if len(places) == 1 else BINARY
        values.append(SQUASH(table[name](*(values[p % len(values)] for p in places))))
    return np.sum(values[-1] * SLOPE) + np.sum(values[-2])


def points(seed):
    return [np.random.default_rng([seed, k]).uniform(-0.8, 0.8, (3, 3)) for k in range(2)]


@given(programs, seeds)
@settings(max_examples=150, deadline=None)
def test_derivatives_of_programs_agree_with_difference_quotients_in_both_modes(program, seed) -> None:
    f = lambda x, y: execute(program, x, y)
    ab.check_gradients(f, *points(seed), order=2, seed=seed, tolerance=3e-4)


@given(programs, seeds)
@settings(max_examples=100, deadline=None)
def test_both_modes_agree_to_the_last_digits(program, seed) -> None:
    f, (x, y), (v, w) = (lambda x, y: execute(program, x, y)), points(seed), points(seed + 1)
    value, tangent = ab.jvp(f, (x, y), (v, w))
    out, (gx, gy) = ab.value_and_grad(f, (0, 1))(x, y)
    assert value == out
    np.testing.assert_allclose(value, f(x, y), rtol=1e-13)  # einsum of three arrays: NumPy in one loop, we in pairs
    np.testing.assert_allclose(tangent, np.sum(gx * v) + np.sum(gy * w), rtol=1e-8, atol=1e-9)


def test_every_step_is_finite_and_keeps_the_shape() -> None:
    x, y = points(0)
    for name, f in UNARY.items():
        assert np.shape(f(x)) == (3, 3) and np.isfinite(f(x)).all(), name
    for name, f in BINARY.items():
        assert np.shape(f(x, y)) == (3, 3) and np.isfinite(f(x, y)).all(), name
