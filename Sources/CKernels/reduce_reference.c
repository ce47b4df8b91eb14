#include "ck_reduce.h"

#include <math.h>

double ck_ref_sum(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

double ck_ref_sum_squares(const float *x, size_t n) { return ck_ref_dot(x, x, n); }

double ck_ref_dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * b[i];
    }
    return sum;
}

float ck_ref_max_abs(const float *x, size_t n) {
    float largest = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            return NAN;
        }
        largest = fmaxf(largest, fabsf(x[i]));
    }
    return largest;
}

void ck_ref_min_max(float *minimum, float *maximum, const float *x, size_t n) {
    *minimum = INFINITY;
    *maximum = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            *minimum = *maximum = NAN;
            return;
        }
        *minimum = fminf(*minimum, x[i]);
        *maximum = fmaxf(*maximum, x[i]);
    }
}

bool ck_ref_all_finite(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

void ck_ref_column_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns, bool accumulate) {
    for (size_t c = 0; c < columns; c++) {
        double sum = accumulate ? out[c] : 0;
        for (size_t r = 0; r < rows; r++) {
            sum += x[r * ldx + c];
        }
        out[c] = (float)sum;
    }
}

void ck_ref_column_dots(
    float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns, bool accumulate) {
    for (size_t c = 0; c < columns; c++) {
        double sum = accumulate ? out[c] : 0;
        for (size_t r = 0; r < rows; r++) {
            sum += (double)a[r * lda + c] * b[r * ldb + c];
        }
        out[c] = (float)sum;
    }
}

void ck_ref_row_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        out[r] = (float)ck_ref_sum(x + r * ldx, columns);
    }
}

void ck_ref_row_dots(float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        out[r] = (float)ck_ref_dot(a + r * lda, b + r * ldb, columns);
    }
}
