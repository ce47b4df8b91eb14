/// Vectors of sixteen floats for kernels that keep their data in registers. The compiler splits them where the CPU's
/// are shorter. They are never arguments of a function that is not inlined: how one is passed depends on the CPU.
#ifndef CK_VECTORS_H
#define CK_VECTORS_H

#include <stddef.h>
#include <string.h>

#include "multiversion.h"

enum { CK_LANES = 16 };

typedef float CKVector __attribute__((vector_size(64)));
typedef float CKUnalignedVector __attribute__((vector_size(64), aligned(4)));

#define CK_LOAD(p) ((CKVector) * (const CKUnalignedVector *)(p))
#define CK_STORE(p, value) (*(CKUnalignedVector *)(p) = (value))
#define CK_SPLAT(value) ((CKVector){0} + (value))

#define CK_UNROLL _Pragma("clang loop unroll(full)")

/// Sixteen channels at p, or the first `count` and zeros.
CK_INLINE void ck_load_channels(CKVector *to, const float *p, size_t count) {
    if (count >= CK_LANES) {
        *to = CK_LOAD(p);
    } else {
        float lanes[CK_LANES] = {0};
        memcpy(lanes, p, count * sizeof *p);
        *to = CK_LOAD(lanes);
    }
}

CK_INLINE void ck_store_channels(float *p, const CKVector *value, size_t count) {
    if (count >= CK_LANES) {
        CK_STORE(p, *value);
    } else {
        memcpy(p, value, count * sizeof *p);
    }
}

/// Transposes 16 x 16 floats in registers: four rounds, each of which interleaves row i with row i + 8 (a perfect
/// shuffle of the bits of the index).
CK_INLINE void ck_transpose_tile(float *restrict y, size_t ldy, const float *restrict x, size_t ldx) {
    CKVector a[CK_LANES], b[CK_LANES];
    for (size_t i = 0; i < CK_LANES; i++) {
        a[i] = CK_LOAD(x + i * ldx);
    }
    CK_UNROLL
    for (int round = 0; round < 4; round++) {
        CK_UNROLL
        for (size_t i = 0; i < CK_LANES / 2; i++) {
            b[2 * i] = __builtin_shufflevector(
                a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            b[2 * i + 1] = __builtin_shufflevector(
                a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(a, b, sizeof a);
    }
    for (size_t i = 0; i < CK_LANES; i++) {
        CK_STORE(y + i * ldy, a[i]);
    }
}

#endif
