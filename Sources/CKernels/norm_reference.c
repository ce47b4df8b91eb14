#include "ck_norm.h"

#include <math.h>

// The definitions, in double.

static double ref_silu(double u) { return u / (1 + exp(-u)); }

static double ref_silu_derivative(double u) {
    const double s = 1 / (1 + exp(-u));
    return s * (1 + u * (1 - s));
}

static double ref_or(const float *values, size_t index, double otherwise) {
    return values != NULL ? values[index] : otherwise;
}

void ck_ref_group_norm_sums(double *sums, const float *x, size_t positions, size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        sums[c] = sums[channels + c] = 0;
        for (size_t p = 0; p < positions; p++) {
            const double value = x[p * channels + c];
            sums[c] += value;
            sums[channels + c] += value * value;
        }
    }
}

void ck_ref_group_norm_apply(
    float *y, const float *x, const float *a, const float *b, bool silu, size_t positions, size_t channels) {
    for (size_t i = 0; i < positions * channels; i++) {
        const double u = (double)a[i % channels] * x[i] + b[i % channels];
        y[i] = (float)(silu ? ref_silu(u) : u);
    }
}

static double ref_du(
    const float *dy, const float *x, const float *a, const float *b, bool silu, size_t i, size_t channels) {
    const double u = (double)a[i % channels] * x[i] + b[i % channels];
    return silu ? dy[i] * ref_silu_derivative(u) : dy[i];
}

void ck_ref_group_norm_backward_sums(
    double *sums, const float *dy, const float *x, const float *a, const float *b, bool silu, size_t positions,
    size_t channels) {
    for (size_t c = 0; c < channels; c++) {
        sums[c] = sums[channels + c] = 0;
        for (size_t p = 0; p < positions; p++) {
            const size_t i = p * channels + c;
            const double du = ref_du(dy, x, a, b, silu, i, channels);
            sums[c] += du;
            sums[channels + c] += du * x[i];
        }
    }
}

void ck_ref_group_norm_backward_apply(
    float *dx, const float *dy, const float *x, const float *a, const float *b, const float *k1, const float *k0,
    bool silu, size_t positions, size_t channels) {
    for (size_t i = 0; i < positions * channels; i++) {
        const size_t c = i % channels;
        dx[i] = (float)(a[c] * ref_du(dy, x, a, b, silu, i, channels) + (double)k1[c] * x[i] + k0[c]);
    }
}

/// Mean and 1 / standard deviation of one group.
static void ref_statistics(
    double *mean, double *rstd, const float *x, double epsilon, size_t positions, size_t channels, size_t begin,
    size_t end) {
    const double count = (double)(positions * (end - begin));
    double sum = 0, squares = 0;
    for (size_t p = 0; p < positions; p++) {
        for (size_t c = begin; c < end; c++) {
            sum += x[p * channels + c];
        }
    }
    *mean = sum / count;
    for (size_t p = 0; p < positions; p++) {
        for (size_t c = begin; c < end; c++) {
            const double d = x[p * channels + c] - *mean;
            squares += d * d;
        }
    }
    *rstd = 1 / sqrt(squares / count + epsilon);
}

void ck_ref_group_norm(
    float *y, const float *x, const float *weight, const float *bias, const float *scale, const float *shift,
    double epsilon, bool silu, size_t positions, size_t channels, size_t groups) {
    const size_t size = channels / groups;
    for (size_t g = 0; g < groups; g++) {
        double mean, rstd;
        ref_statistics(&mean, &rstd, x, epsilon, positions, channels, g * size, (g + 1) * size);
        for (size_t p = 0; p < positions; p++) {
            for (size_t c = g * size; c < (g + 1) * size; c++) {
                const double affine = (x[p * channels + c] - mean) * rstd * ref_or(weight, c, 1) + ref_or(bias, c, 0);
                const double u = affine * (1 + ref_or(scale, c, 0)) + ref_or(shift, c, 0);
                y[p * channels + c] = (float)(silu ? ref_silu(u) : u);
            }
        }
    }
}

void ck_ref_group_norm_backward(
    float *dx, float *dweight, float *dbias, float *dscale, float *dshift, const float *dy, const float *x,
    const float *weight, const float *bias, const float *scale, const float *shift, double epsilon, bool silu,
    size_t positions, size_t channels, size_t groups) {
    const size_t size = channels / groups;
    const double count = (double)(positions * size);
    for (size_t g = 0; g < groups; g++) {
        double mean, rstd, gradient = 0, product = 0;
        ref_statistics(&mean, &rstd, x, epsilon, positions, channels, g * size, (g + 1) * size);
        for (int pass = 0; pass < 2; pass++) {
            for (size_t c = g * size; c < (g + 1) * size; c++) {
                const double w = ref_or(weight, c, 1), b = ref_or(bias, c, 0), s = 1 + ref_or(scale, c, 0);
                double sum = 0, sum_normalized = 0;
                for (size_t p = 0; p < positions; p++) {
                    const size_t i = p * channels + c;
                    const double normalized = (x[i] - mean) * rstd;
                    const double u = (normalized * w + b) * s + ref_or(shift, c, 0);
                    const double du = silu ? dy[i] * ref_silu_derivative(u) : dy[i];
                    sum += du;
                    sum_normalized += du * normalized;
                    if (pass == 1) {
                        dx[i] = (float)(rstd * (du * w * s - gradient / count - normalized * product / count));
                    }
                }
                if (pass == 1) {
                    continue;
                }
                gradient += w * s * sum;
                product += w * s * sum_normalized;
                if (dweight != NULL) {
                    dweight[c] = (float)(s * sum_normalized);
                }
                if (dbias != NULL) {
                    dbias[c] = (float)(s * sum);
                }
                if (dscale != NULL) {
                    dscale[c] = (float)(w * sum_normalized + b * sum);
                }
                if (dshift != NULL) {
                    dshift[c] = (float)sum;
                }
            }
        }
    }
}

void ck_ref_layer_norm(
    float *y, float *mean, float *rstd, const float *x, const float *weight, const float *bias, const float *scale,
    const float *shift, double epsilon, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        double m, s;
        ref_statistics(&m, &s, x + r * columns, epsilon, 1, columns, 0, columns);
        for (size_t c = 0; c < columns; c++) {
            const double affine = (x[r * columns + c] - m) * s * ref_or(weight, c, 1) + ref_or(bias, c, 0);
            y[r * columns + c] = (float)(affine * (1 + ref_or(scale, c, 0)) + ref_or(shift, c, 0));
        }
        if (mean != NULL) {
            mean[r] = (float)m;
        }
        if (rstd != NULL) {
            rstd[r] = (float)s;
        }
    }
}

void ck_ref_layer_norm_backward(
    float *dx, double *sums, const float *dy, const float *x, const float *mean, const float *rstd, const float *weight,
    const float *scale, size_t rows, size_t columns) {
    for (size_t c = 0; sums != NULL && c < 2 * columns; c++) {
        sums[c] = 0;
    }
    for (size_t r = 0; r < rows; r++) {
        double gradient = 0, product = 0;
        for (size_t c = 0; c < columns; c++) {
            const size_t i = r * columns + c;
            const double normalized = ((double)x[i] - mean[r]) * rstd[r];
            const double g = dy[i] * ref_or(weight, c, 1) * (1 + ref_or(scale, c, 0));
            gradient += g / (double)columns;
            product += g * normalized / (double)columns;
            if (sums != NULL) {
                sums[c] += dy[i];
                sums[columns + c] += dy[i] * normalized;
            }
        }
        for (size_t c = 0; dx != NULL && c < columns; c++) {
            const size_t i = r * columns + c;
            const double normalized = ((double)x[i] - mean[r]) * rstd[r];
            const double g = dy[i] * ref_or(weight, c, 1) * (1 + ref_or(scale, c, 0));
            dx[i] = (float)(rstd[r] * (g - gradient - normalized * product));
        }
    }
}
