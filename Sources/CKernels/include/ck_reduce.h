/// Sums and extremes. Sums accumulate in double: 1e-6 relative to an exact sum for a million elements of one sign.
#ifndef CK_REDUCE_H
#define CK_REDUCE_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

double ck_sum(const float *x, size_t n);
double ck_ref_sum(const float *x, size_t n);

double ck_sum_squares(const float *x, size_t n);
double ck_ref_sum_squares(const float *x, size_t n);

double ck_dot(const float *a, const float *b, size_t n);
double ck_ref_dot(const float *a, const float *b, size_t n);

/// Largest |x[i]|, 0 for n = 0; NaN when any is NaN.
float ck_max_abs(const float *x, size_t n);
float ck_ref_max_abs(const float *x, size_t n);

/// Smallest and largest; +infinity and -infinity for n = 0; both NaN when any is NaN.
void ck_min_max(float *minimum, float *maximum, const float *x, size_t n);
void ck_ref_min_max(float *minimum, float *maximum, const float *x, size_t n);

/// Whether no element is NaN or infinite.
bool ck_all_finite(const float *x, size_t n);
bool ck_ref_all_finite(const float *x, size_t n);

/// out[c] (+)= sum over r of x[r, c]: bias gradients, and partial results (chunks x n) added in their order. Sums in
/// double, rounded once; `accumulate` adds to what out holds. No overlap.
void ck_column_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns, bool accumulate);
void ck_ref_column_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns, bool accumulate);

/// out[c] (+)= sum over r of a[r, c] b[r, c]: gradient of a gate or scale shared by rows. No overlap.
void ck_column_dots(
    float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns, bool accumulate);
void ck_ref_column_dots(
    float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns, bool accumulate);

/// out[r] = sum over c of x[r, c]. No overlap.
void ck_row_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns);
void ck_ref_row_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns);

/// out[r] = sum over c of a[r, c] b[r, c]: attention's delta (rows of dO and O). No overlap.
void ck_row_dots(float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns);
void ck_ref_row_dots(float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns);

#pragma clang assume_nonnull end

#endif
