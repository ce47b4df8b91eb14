#include "ck_rotary.h"
#include "multiversion.h"

/// One head; `step` lies between the numbers of a pair, `stride` between pairs. `sign` turns the sines. With constants for
/// `step` or `stride` the loop becomes vector code.
CK_INLINE void ck_rotate(
    float *y, const float *x, const float *cosines, const float *sines, float sign, size_t pairs, size_t step,
    size_t stride) {
    CK_INDEPENDENT
    for (size_t i = 0; i < pairs; i++) {
        const float a = x[i * stride], b = x[i * stride + step];
        const float c = cosines[i], s = sign * sines[i];
        y[i * stride] = a * c - b * s;
        y[i * stride + step] = b * c + a * s;
    }
}

CK_MULTIVERSION
void ck_rotary(
    CKRotaryPairs pairs, float *y, const float *x, const float *cosines, const float *sines, bool inverse, size_t rows,
    size_t heads, size_t size) {
    const size_t half = size / 2;
    const float sign = inverse ? -1.0f : 1.0f;
    for (size_t r = 0; r < rows; r++) {
        const float *c = cosines + r * half, *s = sines + r * half;
        for (size_t h = 0; h < heads; h++) {
            const size_t first = (r * heads + h) * size;
            switch (pairs) {
            case CKRotaryPairsInterleaved: ck_rotate(y + first, x + first, c, s, sign, half, 1, 2); break;
            case CKRotaryPairsHalves: ck_rotate(y + first, x + first, c, s, sign, half, half, 1); break;
            }
        }
    }
}

// The definition, in double.

void ck_ref_rotary(
    CKRotaryPairs pairs, float *y, const float *x, const float *cosines, const float *sines, bool inverse, size_t rows,
    size_t heads, size_t size) {
    const size_t half = size / 2;
    for (size_t i = 0; i < rows * heads * half; i++) {
        const size_t row = i / half / heads, pair = i % half, head = i / half * size;
        const size_t first = head + (pairs == CKRotaryPairsInterleaved ? 2 * pair : pair);
        const size_t second = first + (pairs == CKRotaryPairsInterleaved ? 1 : half);
        const double a = x[first], b = x[second], c = cosines[row * half + pair];
        const double s = inverse ? -(double)sines[row * half + pair] : sines[row * half + pair];
        y[first] = (float)(a * c - b * s);
        y[second] = (float)(b * c + a * s);
    }
}
