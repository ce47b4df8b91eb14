/// Rotary position embedding (Su et al. 2021, "RoFormer", section 3.4.2): pairs of a head's features turned by angles that
/// belong to the row.
#ifndef CK_ROTARY_H
#define CK_ROTARY_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

/// Which features of a head of `size` make pair i of size / 2.
typedef CK_ENUM(CKRotaryPairs) {
    CKRotaryPairsInterleaved,  ///< 2i and 2i + 1
    CKRotaryPairsHalves,       ///< i and i + size / 2
} CKRotaryPairs;

/// For each row and head, with (a, b) pair i and the angle of its row and i: (a cos - b sin, b cos + a sin), or with
/// `inverse` (a cos + b sin, b cos - a sin), the rotation back and the gradient. Rows hold `heads` heads side by side;
/// `cosines` and `sines` are (rows, size / 2). In place.
void ck_rotary(
    CKRotaryPairs pairs, float *y, const float *x, const float *cosines, const float *sines, bool inverse, size_t rows,
    size_t heads, size_t size);
void ck_ref_rotary(
    CKRotaryPairs pairs, float *y, const float *x, const float *cosines, const float *sines, bool inverse, size_t rows,
    size_t heads, size_t size);

#pragma clang assume_nonnull end

#endif
