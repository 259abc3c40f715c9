"""The energy of a region and its derivatives.

Letters are the paper's: y offset intensities, s the deformable surface, theta the polynomial and xi the
deformation parameters, p = (theta, xi); A = [F | G] the design matrix in `Blocks`.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .gaussian import POLYNOMIAL

SCRATCH_MARGIN = 128  # numbers; more than the vectors of an unrolled loop hold
BATCH = 256  # pixels whose logarithms are combined into one


@jit
def scratch(size):
    """Memory for `size` numbers, far from everything else in memory.

    A compiled loop that writes here while it sums values read elsewhere first checks whether the two
    locations are so close that vectors would overlap, and if so proceeds number by number. The sum would then
    be rounded differently, and the result would depend on the memory layout.
    """
    return np.empty(size + 2 * SCRATCH_MARGIN)[SCRATCH_MARGIN : SCRATCH_MARGIN + size]


@jit
def design_product(blocks, p):
    """A p, the surface at every pixel; shape (N,). With p = (0, xi) it is G xi."""
    s = np.zeros(blocks.pixel_start[-1])
    for t in range(blocks.pixel_start.size - 1):
        begin, end = blocks.pixel_start[t], blocks.pixel_start[t + 1]
        first = blocks.column_start[t]
        count = blocks.column_start[t + 1] - first
        block = blocks.values[blocks.value_start[t] : blocks.value_start[t + 1]].reshape(count, end - begin)
        part = s[begin:end]
        for c in range(count):
            weight = p[blocks.columns[first + c]]
            row = block[c]
            for i in range(part.size):
                part[i] += weight * row[i]
    return s


@jit
def design_adjoint(blocks, r):
    """A' r; shape (6 + M,). Its entries from the seventh on are G' r."""
    out = np.zeros(blocks.size)
    for t in range(blocks.pixel_start.size - 1):
        begin, end = blocks.pixel_start[t], blocks.pixel_start[t + 1]
        first = blocks.column_start[t]
        count = blocks.column_start[t + 1] - first
        block = blocks.values[blocks.value_start[t] : blocks.value_start[t + 1]].reshape(count, end - begin)
        part = r[begin:end]
        for c in range(count):
            row = block[c]
            total = 0.0
            for i in range(part.size):
                total += row[i] * part[i]
            out[blocks.columns[first + c]] += total
    return out


@jit
def design_gram(blocks, r, d):  # noqa: C901 - one pass over the blocks is what makes it fast
    """A' r and A' diag(d) A in one pass; shapes (6 + M,) and (6 + M, 6 + M).

    Their entries from the seventh row and column on are G' r and G' D G.

    Four columns at a time share the loads of two weighted rows, so this loop runs nearly as fast as a BLAS
    product; a tile whose weights all vanish (saturated pixels) is skipped.
    """
    size = blocks.size
    out = np.zeros((size, size))
    adjoint = np.zeros(size)
    longest = 0
    for t in range(blocks.pixel_start.size - 1):
        longest = max(longest, blocks.pixel_start[t + 1] - blocks.pixel_start[t])
    w0_all, w1_all = scratch(longest), scratch(longest)
    for t in range(blocks.pixel_start.size - 1):
        begin, end = blocks.pixel_start[t], blocks.pixel_start[t + 1]
        n = end - begin
        weights, part = d[begin:end], r[begin:end]
        largest = 0.0
        for i in range(n):
            largest = max(largest, weights[i])
        first = blocks.column_start[t]
        count = blocks.column_start[t + 1] - first
        block = blocks.values[blocks.value_start[t] : blocks.value_start[t + 1]].reshape(count, n)
        columns = blocks.columns[first : first + count]
        w0, w1 = w0_all[:n], w1_all[:n]
        for a in range(0, count, 2):
            # If their number is odd, the last row is taken twice and counted once.
            other = min(a + 1, count - 1)
            row0, row1 = block[a], block[other]
            sum0, sum1 = 0.0, 0.0
            for i in range(n):
                w0[i] = weights[i] * row0[i]
                w1[i] = weights[i] * row1[i]
                sum0 += part[i] * row0[i]
                sum1 += part[i] * row1[i]
            c0, c1 = columns[a], columns[other]
            adjoint[c0] += sum0
            if other > a:
                adjoint[c1] += sum1
            if largest == 0.0:
                continue
            b = 0
            while b + 3 <= a:
                r0, r1, r2, r3 = block[b], block[b + 1], block[b + 2], block[b + 3]
                t00, t01, t02, t03 = 0.0, 0.0, 0.0, 0.0
                t10, t11, t12, t13 = 0.0, 0.0, 0.0, 0.0
                for i in range(n):
                    u, v = w0[i], w1[i]
                    t00 += u * r0[i]
                    t01 += u * r1[i]
                    t02 += u * r2[i]
                    t03 += u * r3[i]
                    t10 += v * r0[i]
                    t11 += v * r1[i]
                    t12 += v * r2[i]
                    t13 += v * r3[i]
                d0, d1, d2, d3 = columns[b], columns[b + 1], columns[b + 2], columns[b + 3]
                out[c0, d0] += t00
                out[c0, d1] += t01
                out[c0, d2] += t02
                out[c0, d3] += t03
                if other > a:
                    out[c1, d0] += t10
                    out[c1, d1] += t11
                    out[c1, d2] += t12
                    out[c1, d3] += t13
                b += 4
            while b <= other:
                r0 = block[b]
                t00, t10 = 0.0, 0.0
                for i in range(n):
                    t00 += w0[i] * r0[i]
                    t10 += w1[i] * r0[i]
                if b <= a:
                    out[c0, columns[b]] += t00
                if other > a:
                    out[c1, columns[b]] += t10
                b += 1
    for a in range(size):
        for b in range(a):
            out[b, a] = out[a, b]
    return adjoint, out


@jit
def exp_of_negative(x):
    """exp(x) for x <= 0, with a relative error of 1e-13; 0 below -708, where numbers become subnormal.

    Without a function call, so that loops over pixels vectorise: exp(x) = 2^n exp(r) with n an integer and
    |r| <= ln(2) / 2, where the Taylor series is short, and 2^n is assembled from its bits.
    """
    is_far = x < -708.0
    x = max(x, -708.0)
    n = math.floor((x if x >= -708.0 else -708.0) * 1.4426950408889634 + 0.5)  # NaN is not an integer
    r = x - n * 0.6931471803691238 - n * 1.9082149292705877e-10
    series = 1 / 479001600 + r * (1 / 6227020800)
    series = 1 / 39916800 + r * series
    series = 1 / 3628800 + r * series
    series = 1 / 362880 + r * series
    series = 1 / 40320 + r * series
    series = 1 / 5040 + r * series
    series = 1 / 720 + r * series
    series = 1 / 120 + r * series
    series = 1 / 24 + r * series
    series = 1 / 6 + r * series
    series = 1 / 2 + r * series
    series = 1.0 + r * series
    series = 1.0 + r * series
    power = np.int64((np.int64(np.int32(n)) + 1023) << 52).view(np.float64)
    return 0.0 if is_far else series * power


@jit
def sum_of_log1p(e):
    """sum_i ln(1 + e_i), to the rounding of the sum; e of shape (K,) with 0 <= e_i <= 1, overwritten.

    Factors are combined, (1 + a)(1 + b) = 1 + (a + b + ab), so that only one logarithm is needed. K must be
    at most BATCH: a product of this many numbers from 1 to 2 is far from overflow.
    """
    size = e.size
    while size > 1:
        half = (size + 1) // 2
        left, right = e[: size - half], e[half:size]
        for i in range(left.size):
            left[i] += right[i] + left[i] * right[i]
        size = half
    return math.log1p(e[0])


@jit
def logistic_loss(y, s):
    """sum_i ln(1 + exp(-y_i s_i)), safe against overflow; y and s of shape (N,)."""
    total = 0.0
    exponentials = scratch(BATCH)
    for begin in range(0, y.size, BATCH):
        y_part, s_part = y[begin : begin + BATCH], s[begin : begin + BATCH]
        e = exponentials[: y_part.size]
        linear = 0.0
        for i in range(y_part.size):
            z = y_part[i] * s_part[i]
            e[i] = exp_of_negative(-abs(z))
            linear += max(-z, 0.0)
        total += sum_of_log1p(e) + linear
    return total


@jit
def logistic_derivatives(y, s):
    """First and second derivative of the logistic loss with respect to each s_i; both of shape (N,)."""
    first = np.empty(y.size)
    second = np.empty(y.size)
    for i in range(y.size):
        z = y[i] * s[i]
        e = exp_of_negative(-abs(z))
        share = 1.0 / (1.0 + e)
        first[i] = -y[i] * (e * share if z > 0 else share)
        second[i] = y[i] * y[i] * e * share * share
    return first, second


@jit
def regularizer(xi, alpha, epsilon):
    """Alpha * sum_j (sqrt(xi_j^2 + epsilon) - sqrt(epsilon)), xi of shape (M,)."""
    total = 0.0
    for j in range(xi.size):
        total += xi[j] * xi[j] / (math.sqrt(xi[j] * xi[j] + epsilon) + math.sqrt(epsilon))
    return alpha * total


@jit
def energy_value(blocks, y, p, alpha, epsilon):
    """psi(p) (TPAMI 2023): logistic loss plus the smoothed absolute norm of xi."""
    return logistic_loss(y, design_product(blocks, p)) + regularizer(p[POLYNOMIAL:], alpha, epsilon)


@jit
def energy_gradient(blocks, y, p, alpha, epsilon):
    """Gradient of psi at p; shape (6 + M,)."""
    first, _ = logistic_derivatives(y, design_product(blocks, p))
    gradient = design_adjoint(blocks, first)
    for j in range(POLYNOMIAL, p.size):
        gradient[j] += alpha * p[j] / math.sqrt(p[j] * p[j] + epsilon)
    return gradient


@jit
def energy_hessian(blocks, y, p, alpha, epsilon):
    """Hessian of psi at p; shape (6 + M, 6 + M)."""
    first, second = logistic_derivatives(y, design_product(blocks, p))
    _, hessian = design_gram(blocks, first, second)
    for j in range(POLYNOMIAL, p.size):
        hessian[j, j] += alpha * epsilon / (p[j] * p[j] + epsilon) ** 1.5
    return hessian
