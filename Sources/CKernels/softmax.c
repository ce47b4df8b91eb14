#include "ck_softmax.h"
#include "vector_math.h"

#define CK_REORDER _Pragma("clang fp reassociate(on) contract(fast)")

/// The largest scale * x[i], -infinity for n = 0, by the order of integers, which vectorizes where that of floats with
/// their NaN does not. A NaN may or may not win: it reaches the row through its own exponential.
CK_INLINE float ck_largest_scaled(const float *x, float scale, size_t n) {
    int32_t largest = (int32_t)0x807fffff;  // -infinity in this order
    for (size_t i = 0; i < n; i++) {
        const int32_t bits = ck_bits_of_float(scale * x[i]);
        const int32_t ordered = bits ^ ((bits >> 31) & 0x7fffffff);
        largest = ordered > largest ? ordered : largest;
    }
    return ck_float_of_bits(largest ^ ((largest >> 31) & 0x7fffffff));
}

/// y[i] = exp(scale x[i] - base); returns the sum.
CK_INLINE float ck_exponentials(float *y, const float *x, float scale, float base, size_t n) {
    CK_REORDER
    float sum = 0.0f;
    CK_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        const float e = ck_exp(scale * x[i] - base);
        y[i] = e;
        sum += e;
    }
    return sum;
}

CK_INLINE void ck_multiply_row(float *y, const float *x, float factor, size_t n) {
    CK_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] * factor;
    }
}

CK_MULTIVERSION
void ck_softmax(
    float *y, size_t ldy, float *lse, const float *x, size_t ldx, float scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *out = y + r * ldy;
        const float *in = x + r * ldx;
        const float largest = ck_largest_scaled(in, scale, columns);
        const float sum = ck_exponentials(out, in, scale, largest, columns);
        ck_multiply_row(out, out, 1.0f / sum, columns);
        if (lse != NULL) {
            lse[r] = largest + ck_log(sum);
        }
    }
}

CK_INLINE void ck_softmax_slope(float *dx, const float *dy, const float *y, float delta, float scale, size_t n) {
    CK_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        dx[i] = scale * y[i] * (dy[i] - delta);
    }
}

CK_MULTIVERSION
void ck_softmax_backward(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, float scale, size_t rows,
    size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        CK_REORDER
        float delta = 0.0f;
        for (size_t c = 0; c < columns; c++) {
            delta += dy[r * lddy + c] * y[r * ldy + c];
        }
        ck_softmax_slope(dx + r * lddx, dy + r * lddy, y + r * ldy, delta, scale, columns);
    }
}

CK_MULTIVERSION
void ck_softmax_recompute(
    float *y, size_t ldy, const float *x, size_t ldx, const float *lse, float scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *out = y + r * ldy;
        const float *in = x + r * ldx;
        const float base = lse[r];
        CK_INDEPENDENT
        for (size_t c = 0; c < columns; c++) {
            out[c] = ck_exp(scale * in[c] - base);
        }
    }
}

CK_MULTIVERSION
void ck_softmax_backward_block(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, const float *delta, float scale,
    size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        ck_softmax_slope(dx + r * lddx, dy + r * lddy, y + r * ldy, delta[r], scale, columns);
    }
}

CK_MULTIVERSION
void ck_softmax_block(
    float *x, size_t ldx, float *maximum, float *sum, float *correction, float scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *row = x + r * ldx;
        const float before = maximum[r];
        const float largest = ck_largest_scaled(row, scale, columns);
        const float after = before > largest ? before : largest;
        // While every score was -infinity any finite base gives the right exponentials: zeros.
        const float base = after == -INFINITY ? 0.0f : after;
        const float factor = ck_exp(before - base);
        sum[r] = sum[r] * factor + ck_exponentials(row, row, scale, base, columns);
        maximum[r] = after;
        correction[r] = factor;
    }
}

CK_MULTIVERSION
void ck_softmax_finish(
    float *output, size_t ldo, float *lse, const float *maximum, const float *sum, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        ck_multiply_row(output + r * ldo, output + r * ldo, 1.0f / sum[r], columns);
        if (lse != NULL) {
            lse[r] = maximum[r] + ck_log(sum[r]);
        }
    }
}

// The definitions, in double.

void ck_ref_softmax(
    float *y, size_t ldy, float *lse, const float *x, size_t ldx, float scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        double largest = -INFINITY, sum = 0;
        for (size_t c = 0; c < columns; c++) {
            largest = fmax(largest, (double)scale * x[r * ldx + c]);
        }
        for (size_t c = 0; c < columns; c++) {
            sum += exp((double)scale * x[r * ldx + c] - largest);
        }
        for (size_t c = 0; c < columns; c++) {
            y[r * ldy + c] = (float)(exp((double)scale * x[r * ldx + c] - largest) / sum);
        }
        if (lse != NULL) {
            lse[r] = (float)(largest + log(sum));
        }
    }
}

void ck_ref_softmax_backward(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, float scale, size_t rows,
    size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        double delta = 0;
        for (size_t c = 0; c < columns; c++) {
            delta += (double)dy[r * lddy + c] * y[r * ldy + c];
        }
        for (size_t c = 0; c < columns; c++) {
            dx[r * lddx + c] = (float)(scale * y[r * ldy + c] * (dy[r * lddy + c] - delta));
        }
    }
}

void ck_ref_softmax_recompute(
    float *y, size_t ldy, const float *x, size_t ldx, const float *lse, float scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            y[r * ldy + c] = (float)exp((double)scale * x[r * ldx + c] - lse[r]);
        }
    }
}

void ck_ref_softmax_backward_block(
    float *dx, size_t lddx, const float *dy, size_t lddy, const float *y, size_t ldy, const float *delta, float scale,
    size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            dx[r * lddx + c] = (float)((double)scale * y[r * ldy + c] * ((double)dy[r * lddy + c] - delta[r]));
        }
    }
}

void ck_ref_softmax_block(
    float *x, size_t ldx, float *maximum, float *sum, float *correction, float scale, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        double after = maximum[r];
        for (size_t c = 0; c < columns; c++) {
            after = fmax(after, scale * x[r * ldx + c]);
        }
        const double base = after == -INFINITY ? 0 : after;
        const double factor = exp(maximum[r] - base);
        double total = sum[r] * factor;
        for (size_t c = 0; c < columns; c++) {
            const double e = exp((double)scale * x[r * ldx + c] - base);
            x[r * ldx + c] = (float)e;
            total += e;
        }
        maximum[r] = (float)after;
        sum[r] = (float)total;
        correction[r] = (float)factor;
    }
}

void ck_ref_softmax_finish(
    float *output, size_t ldo, float *lse, const float *maximum, const float *sum, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            output[r * ldo + c] /= sum[r];
        }
        if (lse != NULL) {
            lse[r] = (float)(maximum[r] + log((double)sum[r]));
        }
    }
}
