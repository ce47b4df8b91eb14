#include "ck_norm.h"
#include "vector_math.h"

// Statistics and gradients of parameters are sums over many positions: they are gathered in double. Rows are worked
// through in blocks of columns, so that what belongs to a column is computed once per block and the sums stay in
// registers or L1.

enum { CK_COLUMNS = 64, CK_WIDE = 256, CK_ROWS = 16 };

CK_INLINE size_t ck_min_size(size_t a, size_t b) { return a < b ? a : b; }

// Group norm.

/// Sums of a panel of columns; with a constant `columns` they stay in registers.
CK_INLINE void ck_moments_panel(
    double *sums, double *squares, const float *x, size_t positions, size_t channels, size_t columns) {
    double s[CK_COLUMNS] = {0}, q[CK_COLUMNS] = {0};
    for (size_t p = 0; p < positions; p++) {
        for (size_t c = 0; c < columns; c++) {
            const double value = (double)x[p * channels + c];
            s[c] += value;
            q[c] += value * value;
        }
    }
    for (size_t c = 0; c < columns; c++) {
        sums[c] = s[c];
        squares[c] = q[c];
    }
}

CK_MULTIVERSION
void ck_group_norm_sums(double *sums, const float *x, size_t positions, size_t channels) {
    double *squares = sums + channels;
    size_t c = 0;
    for (; c + CK_COLUMNS <= channels; c += CK_COLUMNS) {
        ck_moments_panel(sums + c, squares + c, x + c, positions, channels, CK_COLUMNS);
    }
    if (c < channels) {
        ck_moments_panel(sums + c, squares + c, x + c, positions, channels, channels - c);
    }
}

void ck_group_norm_statistics(
    float *mean, float *rstd, const double *sums, size_t chunks, size_t positions, size_t channels, size_t groups,
    double epsilon) {
    const size_t size = channels / groups;
    const double count = (double)(positions * size);
    for (size_t g = 0; g < groups; g++) {
        double sum = 0, squares = 0;
        for (size_t k = 0; k < chunks; k++) {
            const double *chunk = sums + k * 2 * channels;
            for (size_t c = g * size; c < (g + 1) * size; c++) {
                sum += chunk[c];
                squares += chunk[channels + c];
            }
        }
        const double m = sum / count;
        const double variance = squares / count - m * m;
        mean[g] = (float)m;
        // Rounding may leave a constant group with a variance just below zero; a NaN must stay one.
        rstd[g] = (float)(1 / sqrt((variance < 0 ? 0 : variance) + epsilon));
    }
}

void ck_group_norm_coefficients(
    float *a, float *b, const float *mean, const float *rstd, const float *weight, const float *bias,
    const float *scale, const float *shift, size_t channels, size_t groups) {
    const size_t size = channels / groups;
    for (size_t c = 0; c < channels; c++) {
        const double w = weight != NULL ? (double)weight[c] : 1, s = scale != NULL ? 1 + (double)scale[c] : 1;
        const double slope = (double)rstd[c / size] * w;
        const double offset = (bias != NULL ? (double)bias[c] : 0) - (double)mean[c / size] * slope;
        a[c] = (float)(slope * s);
        b[c] = (float)(offset * s + (shift != NULL ? (double)shift[c] : 0));
    }
}

CK_MULTIVERSION
void ck_group_norm_apply(
    float *y, const float *x, const float *a, const float *b, bool silu, size_t positions, size_t channels) {
    for (size_t p = 0; p < positions; p++) {
        float *out = y + p * channels;
        const float *in = x + p * channels;
        if (silu) {
            CK_INDEPENDENT
            for (size_t c = 0; c < channels; c++) {
                out[c] = ck_silu(a[c] * in[c] + b[c]);
            }
        } else {
            CK_INDEPENDENT
            for (size_t c = 0; c < channels; c++) {
                out[c] = a[c] * in[c] + b[c];
            }
        }
    }
}

/// Sums of du and du x over a panel of columns. du is computed in its own loop: one that also holds doubles would run
/// at half the width.
CK_INLINE void ck_slopes_panel(
    double *sums, double *products, const float *dy, const float *x, const float *a, const float *b, bool silu,
    size_t positions, size_t channels, size_t columns) {
    double s[CK_COLUMNS] = {0}, q[CK_COLUMNS] = {0};
    float du[CK_COLUMNS];
    for (size_t p = 0; p < positions; p++) {
        const float *in = x + p * channels, *slope = dy + p * channels;
        if (silu) {
            for (size_t c = 0; c < columns; c++) {
                du[c] = slope[c] * ck_silu_derivative(a[c] * in[c] + b[c]);
            }
            slope = du;
        }
        for (size_t c = 0; c < columns; c++) {
            s[c] += (double)slope[c];
            q[c] += (double)slope[c] * (double)in[c];
        }
    }
    for (size_t c = 0; c < columns; c++) {
        sums[c] = s[c];
        products[c] = q[c];
    }
}

CK_MULTIVERSION
void ck_group_norm_backward_sums(
    double *sums, const float *dy, const float *x, const float *a, const float *b, bool silu, size_t positions,
    size_t channels) {
    double *products = sums + channels;
    size_t c = 0;
    for (; c + CK_COLUMNS <= channels; c += CK_COLUMNS) {
        ck_slopes_panel(sums + c, products + c, dy + c, x + c, a + c, b + c, silu, positions, channels, CK_COLUMNS);
    }
    if (c < channels) {
        ck_slopes_panel(sums + c, products + c, dy + c, x + c, a + c, b + c, silu, positions, channels, channels - c);
    }
}

void ck_group_norm_backward_coefficients(
    float *k1, float *k0, float *dweight, float *dbias, float *dscale, float *dshift, const double *sums, size_t chunks,
    const float *mean, const float *rstd, const float *weight, const float *bias, const float *scale, size_t positions,
    size_t channels, size_t groups) {
    const size_t size = channels / groups;
    const double count = (double)(positions * size);
    for (size_t g = 0; g < groups; g++) {
        const double m = (double)mean[g], r = (double)rstd[g];
        // Sums over the group of the gradient to the normalized value, and of its product with that value.
        double gradient = 0, product = 0;
        for (size_t c = g * size; c < (g + 1) * size; c++) {
            double du = 0, du_x = 0;
            for (size_t k = 0; k < chunks; k++) {
                du += sums[k * 2 * channels + c];
                du_x += sums[k * 2 * channels + channels + c];
            }
            const double w = weight != NULL ? (double)weight[c] : 1, s = scale != NULL ? 1 + (double)scale[c] : 1;
            const double du_normalized = r * (du_x - m * du);
            gradient += w * s * du;
            product += w * s * du_normalized;
            if (dweight != NULL) {
                dweight[c] = (float)(s * du_normalized);
            }
            if (dbias != NULL) {
                dbias[c] = (float)(s * du);
            }
            if (dscale != NULL) {
                dscale[c] = (float)(w * du_normalized + (bias != NULL ? (double)bias[c] : 0) * du);
            }
            if (dshift != NULL) {
                dshift[c] = (float)du;
            }
        }
        // dx = r (w s du - gradient / count - (x - m) r product / count)
        for (size_t c = g * size; c < (g + 1) * size; c++) {
            k1[c] = (float)(-r * r * product / count);
            k0[c] = (float)(-r * (gradient - m * r * product) / count);
        }
    }
}

CK_MULTIVERSION
void ck_group_norm_backward_apply(
    float *dx, const float *dy, const float *x, const float *a, const float *b, const float *k1, const float *k0,
    bool silu, size_t positions, size_t channels) {
    for (size_t p = 0; p < positions; p++) {
        float *out = dx + p * channels;
        const float *in = x + p * channels, *slope = dy + p * channels;
        if (silu) {
            CK_INDEPENDENT
            for (size_t c = 0; c < channels; c++) {
                const float du = slope[c] * ck_silu_derivative(a[c] * in[c] + b[c]);
                out[c] = a[c] * du + (k1[c] * in[c] + k0[c]);
            }
        } else {
            CK_INDEPENDENT
            for (size_t c = 0; c < channels; c++) {
                out[c] = a[c] * slope[c] + (k1[c] * in[c] + k0[c]);
            }
        }
    }
}

// Layer norm.

/// Slope and offset of the affine part for columns [start, start + n): u = slope normalized + offset. A loop per
/// parameter: a choice inside a loop would become masked loads from null, which fault silently and slowly.
CK_INLINE void ck_affine(
    float *slope, float *offset, const float *weight, const float *bias, const float *scale, const float *shift,
    size_t start, size_t n) {
    for (size_t c = 0; c < n; c++) {
        slope[c] = 1.0f;
        offset[c] = 0.0f;
    }
    if (weight != NULL) {
        for (size_t c = 0; c < n; c++) {
            slope[c] = weight[start + c];
        }
    }
    if (bias != NULL) {
        for (size_t c = 0; c < n; c++) {
            offset[c] = bias[start + c];
        }
    }
    if (scale != NULL) {
        for (size_t c = 0; c < n; c++) {
            const float s = 1.0f + scale[start + c];
            slope[c] *= s;
            offset[c] *= s;
        }
    }
    if (shift != NULL) {
        for (size_t c = 0; c < n; c++) {
            offset[c] += shift[start + c];
        }
    }
}

CK_INLINE double ck_row_sum(const float *x, size_t n) {
    _Pragma("clang fp reassociate(on)")
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
    }
    return sum;
}

CK_INLINE double ck_row_deviation(const float *x, double mean, size_t n) {
    _Pragma("clang fp reassociate(on) contract(fast)")
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)x[i] - mean;
        sum += d * d;
    }
    return sum;
}

CK_MULTIVERSION
void ck_layer_norm(
    float *y, float *mean, float *rstd, const float *x, const float *weight, const float *bias, const float *scale,
    const float *shift, double epsilon, size_t rows, size_t columns) {
    float m[CK_ROWS], s[CK_ROWS], slope[CK_WIDE], offset[CK_WIDE];
    for (size_t first = 0; first < rows; first += CK_ROWS) {
        const size_t count = ck_min_size(CK_ROWS, rows - first);
        for (size_t r = 0; r < count; r++) {
            const float *in = x + (first + r) * columns;
            const double average = ck_row_sum(in, columns) / (double)columns;
            const double variance = ck_row_deviation(in, average, columns) / (double)columns;
            m[r] = (float)average;
            s[r] = (float)(1 / sqrt(variance + epsilon));
            if (mean != NULL) {
                mean[first + r] = m[r];
            }
            if (rstd != NULL) {
                rstd[first + r] = s[r];
            }
        }
        for (size_t start = 0; start < columns; start += CK_WIDE) {
            const size_t n = ck_min_size(CK_WIDE, columns - start);
            ck_affine(slope, offset, weight, bias, scale, shift, start, n);
            for (size_t r = 0; r < count; r++) {
                float *out = y + (first + r) * columns + start;
                const float *in = x + (first + r) * columns + start;
                CK_INDEPENDENT
                for (size_t c = 0; c < n; c++) {
                    out[c] = ((in[c] - m[r]) * s[r]) * slope[c] + offset[c];
                }
            }
        }
    }
}

/// Adds to a row's sums of the gradient to the normalized value, and of its product with that value.
CK_INLINE void ck_row_gradients(
    double *gradient, double *product, const float *x, const float *dy, const float *slope, float mean, float rstd,
    size_t n) {
    _Pragma("clang fp reassociate(on) contract(fast)")
    double sum = 0, sum_normalized = 0;
    for (size_t c = 0; c < n; c++) {
        const double value = (double)(dy[c] * slope[c]);
        sum += value;
        sum_normalized += value * (double)((x[c] - mean) * rstd);
    }
    *gradient += sum;
    *product += sum_normalized;
}

CK_MULTIVERSION
void ck_layer_norm_backward(
    float *dx, double *sums, const float *dy, const float *x, const float *mean, const float *rstd, const float *weight,
    const float *scale, size_t rows, size_t columns) {
    float slope[CK_WIDE], offset[CK_WIDE];
    if (sums != NULL) {
        for (size_t c = 0; c < 2 * columns; c++) {
            sums[c] = 0;
        }
    }
    for (size_t first = 0; first < rows; first += CK_ROWS) {
        const size_t count = ck_min_size(CK_ROWS, rows - first);
        double gradient[CK_ROWS] = {0}, product[CK_ROWS] = {0};
        for (size_t start = 0; start < columns; start += CK_WIDE) {
            const size_t n = ck_min_size(CK_WIDE, columns - start);
            ck_affine(slope, offset, weight, NULL, scale, NULL, start, n);
            for (size_t r = 0; r < count; r++) {
                const float *in = x + (first + r) * columns + start, *g = dy + (first + r) * columns + start;
                const float m = mean[first + r], s = rstd[first + r];
                if (dx != NULL) {
                    ck_row_gradients(gradient + r, product + r, in, g, slope, m, s, n);
                }
            }
            if (sums == NULL) {
                continue;
            }
            double *restrict sum = sums + start, *restrict sum_normalized = sums + columns + start;
            for (size_t r = 0; r < count; r++) {
                const float *in = x + (first + r) * columns + start, *g = dy + (first + r) * columns + start;
                const float m = mean[first + r], s = rstd[first + r];
                for (size_t c = 0; c < n; c++) {
                    sum[c] += (double)g[c];
                    sum_normalized[c] += (double)g[c] * (double)((in[c] - m) * s);
                }
            }
        }
        for (size_t start = 0; dx != NULL && start < columns; start += CK_WIDE) {
            const size_t n = ck_min_size(CK_WIDE, columns - start);
            ck_affine(slope, offset, weight, NULL, scale, NULL, start, n);
            for (size_t r = 0; r < count; r++) {
                float *out = dx + (first + r) * columns + start;
                const float *in = x + (first + r) * columns + start, *g = dy + (first + r) * columns + start;
                const float m = mean[first + r], s = rstd[first + r];
                const float average = (float)(gradient[r] / (double)columns);
                const float slant = (float)(product[r] / (double)columns);
                CK_INDEPENDENT
                for (size_t c = 0; c < n; c++) {
                    out[c] = s * ((g[c] * slope[c] - average) - ((in[c] - m) * s) * slant);
                }
            }
        }
    }
}

void ck_layer_norm_parameter_gradients(
    float *dweight, float *dbias, float *dscale, float *dshift, const double *sums, size_t chunks, const float *weight,
    const float *bias, const float *scale, size_t columns) {
    for (size_t c = 0; c < columns; c++) {
        double du = 0, du_normalized = 0;
        for (size_t k = 0; k < chunks; k++) {
            du += sums[k * 2 * columns + c];
            du_normalized += sums[k * 2 * columns + columns + c];
        }
        const double w = weight != NULL ? (double)weight[c] : 1, s = scale != NULL ? 1 + (double)scale[c] : 1;
        if (dweight != NULL) {
            dweight[c] = (float)(s * du_normalized);
        }
        if (dbias != NULL) {
            dbias[c] = (float)(s * du);
        }
        if (dscale != NULL) {
            dscale[c] = (float)(w * du_normalized + (bias != NULL ? (double)bias[c] : 0) * du);
        }
        if (dshift != NULL) {
            dshift[c] = (float)du;
        }
    }
}
