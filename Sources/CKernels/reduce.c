#include "ck_reduce.h"
#include "vector_math.h"

/// Lets the additions of a sum be reordered into vector lanes. The order still depends on the length only.
#define CK_REORDER _Pragma("clang fp reassociate(on) contract(fast)")

CK_MULTIVERSION
double ck_sum(const float *x, size_t n) {
    CK_REORDER
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
    }
    return sum;
}

CK_MULTIVERSION
double ck_sum_squares(const float *x, size_t n) {
    CK_REORDER
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

CK_MULTIVERSION
double ck_dot(const float *a, const float *b, size_t n) {
    CK_REORDER
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

// Magnitudes compare as the integers of their bits, with infinity above all numbers and NaN above infinity.
enum { CK_MAGNITUDE = 0x7fffffff, CK_INFINITY = 0x7f800000 };

CK_INLINE int32_t ck_max_magnitude(const float *x, size_t n) {
    int32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t magnitude = ck_bits_of_float(x[i]) & CK_MAGNITUDE;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

CK_MULTIVERSION
float ck_max_abs(const float *x, size_t n) { return ck_float_of_bits(ck_max_magnitude(x, n)); }

CK_MULTIVERSION
bool ck_all_finite(const float *x, size_t n) { return ck_max_magnitude(x, n) < CK_INFINITY; }

/// Turns the bits of floats into integers of the same order, and back.
CK_INLINE int32_t ck_ordered(int32_t bits) { return bits ^ ((bits >> 31) & CK_MAGNITUDE); }

CK_MULTIVERSION
void ck_min_max(float *minimum, float *maximum, const float *x, size_t n) {
    int32_t smallest = CK_INFINITY, largest = ck_ordered(ck_bits_of_float(-INFINITY));
    int32_t magnitudes = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t bits = ck_bits_of_float(x[i]);
        const int32_t value = ck_ordered(bits), magnitude = bits & CK_MAGNITUDE;
        smallest = value < smallest ? value : smallest;
        largest = value > largest ? value : largest;
        magnitudes = magnitude > magnitudes ? magnitude : magnitudes;
    }
    const bool has_nan = magnitudes > CK_INFINITY;
    *minimum = has_nan ? NAN : ck_float_of_bits(ck_ordered(smallest));
    *maximum = has_nan ? NAN : ck_float_of_bits(ck_ordered(largest));
}

enum { CK_COLUMNS = 64 };

/// Sums of a panel of columns, each in the order of the rows. Called with a constant `columns`, the sums stay in
/// registers.
CK_INLINE void ck_column_panel(
    float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns, bool accumulate) {
    double sums[CK_COLUMNS];
    for (size_t c = 0; c < columns; c++) {
        sums[c] = accumulate ? (double)out[c] : 0.0;
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            sums[c] += b != NULL ? (double)a[r * lda + c] * (double)b[r * ldb + c] : (double)a[r * lda + c];
        }
    }
    for (size_t c = 0; c < columns; c++) {
        out[c] = (float)sums[c];
    }
}

CK_INLINE void ck_column_panels(
    float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns, bool accumulate) {
    size_t c = 0;
    for (; c + CK_COLUMNS <= columns; c += CK_COLUMNS) {
        ck_column_panel(out + c, a + c, lda, b != NULL ? b + c : NULL, ldb, rows, CK_COLUMNS, accumulate);
    }
    if (c < columns) {
        ck_column_panel(out + c, a + c, lda, b != NULL ? b + c : NULL, ldb, rows, columns - c, accumulate);
    }
}

CK_MULTIVERSION
void ck_column_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns, bool accumulate) {
    ck_column_panels(out, x, ldx, NULL, 0, rows, columns, accumulate);
}

CK_MULTIVERSION
void ck_column_dots(
    float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns, bool accumulate) {
    ck_column_panels(out, a, lda, b, ldb, rows, columns, accumulate);
}

CK_MULTIVERSION
void ck_row_sums(float *out, const float *x, size_t ldx, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        CK_REORDER
        double sum = 0;
        for (size_t c = 0; c < columns; c++) {
            sum += (double)x[r * ldx + c];
        }
        out[r] = (float)sum;
    }
}

CK_MULTIVERSION
void ck_row_dots(float *out, const float *a, size_t lda, const float *b, size_t ldb, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        CK_REORDER
        double sum = 0;
        for (size_t c = 0; c < columns; c++) {
            sum += (double)a[r * lda + c] * (double)b[r * ldb + c];
        }
        out[r] = (float)sum;
    }
}
