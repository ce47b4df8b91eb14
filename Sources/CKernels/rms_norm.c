#include "ck_rms_norm.h"
#include "vector_math.h"

#define CK_REORDER _Pragma("clang fp reassociate(on) contract(fast)")

CK_INLINE double ck_row_squares(const float *x, size_t n) {
    CK_REORDER
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

CK_MULTIVERSION
void ck_rms_norm(
    float *y, float *rrms, const float *x, const float *weight, double epsilon, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *out = y + r * columns;
        const float *in = x + r * columns;
        const float s = (float)(1 / sqrt(ck_row_squares(in, columns) / (double)columns + epsilon));
        rrms[r] = s;
        if (weight != NULL) {
            CK_INDEPENDENT
            for (size_t c = 0; c < columns; c++) {
                out[c] = (in[c] * s) * weight[c];
            }
        } else {
            CK_INDEPENDENT
            for (size_t c = 0; c < columns; c++) {
                out[c] = in[c] * s;
            }
        }
    }
}

/// The sum of dy w x rrms.
CK_INLINE double ck_row_product(const float *dy, const float *x, const float *weight, float rrms, size_t n) {
    CK_REORDER
    double sum = 0;
    if (weight != NULL) {
        for (size_t c = 0; c < n; c++) {
            sum += (double)(dy[c] * weight[c]) * (double)(x[c] * rrms);
        }
    } else {
        for (size_t c = 0; c < n; c++) {
            sum += (double)dy[c] * (double)(x[c] * rrms);
        }
    }
    return sum;
}

CK_MULTIVERSION
void ck_rms_norm_backward(
    float *dx, double *sums, const float *dy, const float *x, const float *rrms, const float *weight, size_t rows,
    size_t columns) {
    if (sums != NULL) {
        for (size_t c = 0; c < columns; c++) {
            sums[c] = 0;
        }
    }
    for (size_t r = 0; r < rows; r++) {
        const float *in = x + r * columns, *g = dy + r * columns;
        const float s = rrms[r];
        // Before dx, which may lie on dy or x.
        if (sums != NULL) {
            for (size_t c = 0; c < columns; c++) {
                sums[c] += (double)g[c] * (double)(in[c] * s);
            }
        }
        if (dx == NULL) {
            continue;
        }
        float *out = dx + r * columns;
        const float slant = (float)(ck_row_product(g, in, weight, s, columns) / (double)columns);
        if (weight != NULL) {
            CK_INDEPENDENT
            for (size_t c = 0; c < columns; c++) {
                out[c] = s * (g[c] * weight[c] - (in[c] * s) * slant);
            }
        } else {
            CK_INDEPENDENT
            for (size_t c = 0; c < columns; c++) {
                out[c] = s * (g[c] - (in[c] * s) * slant);
            }
        }
    }
}

// The definitions, in double.

void ck_ref_rms_norm(
    float *y, float *rrms, const float *x, const float *weight, double epsilon, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        double squares = 0;
        for (size_t c = 0; c < columns; c++) {
            squares += (double)x[r * columns + c] * x[r * columns + c];
        }
        const double s = 1 / sqrt(squares / (double)columns + epsilon);
        for (size_t c = 0; c < columns; c++) {
            y[r * columns + c] = (float)(x[r * columns + c] * s * (weight != NULL ? weight[c] : 1));
        }
        rrms[r] = (float)s;
    }
}

void ck_ref_rms_norm_backward(
    float *dx, double *sums, const float *dy, const float *x, const float *rrms, const float *weight, size_t rows,
    size_t columns) {
    for (size_t c = 0; sums != NULL && c < columns; c++) {
        sums[c] = 0;
    }
    for (size_t r = 0; r < rows; r++) {
        const double s = rrms[r];
        double product = 0;
        for (size_t c = 0; c < columns; c++) {
            const size_t i = r * columns + c;
            product += (double)dy[i] * (weight != NULL ? weight[c] : 1) * x[i] * s / (double)columns;
            if (sums != NULL) {
                sums[c] += (double)dy[i] * x[i] * s;
            }
        }
        for (size_t c = 0; dx != NULL && c < columns; c++) {
            const size_t i = r * columns + c;
            dx[i] = (float)(s * ((double)dy[i] * (weight != NULL ? weight[c] : 1) - x[i] * s * product));
        }
    }
}
