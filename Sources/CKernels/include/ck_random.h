/// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011).
///
/// A stream is a 64-bit key and three counter words; its block b is Philox of the counter (b, c1, c2, c3) and holds
/// four 32-bit words. Element k of a stream depends on the stream and k only, so any range may be filled by itself. A
/// stream has 2^34 elements. Results are bit-identical on every CPU.
#ifndef CK_RANDOM_H
#define CK_RANDOM_H

#include "ck_types.h"

#pragma clang assume_nonnull begin

typedef struct CKStream {
    uint64_t key;
    uint32_t c1, c2, c3;
} CKStream;

/// out[i] = word (first + i) of the stream.
void ck_random_words(uint32_t *out, CKStream stream, uint64_t first, size_t n);
void ck_ref_random_words(uint32_t *out, CKStream stream, uint64_t first, size_t n);

/// out[i] = (word (first + i) >> 8) 2^-24, in [0, 1).
void ck_random_uniform(float *out, CKStream stream, uint64_t first, size_t n);
void ck_ref_random_uniform(float *out, CKStream stream, uint64_t first, size_t n);

/// Standard normals by Box & Muller (1958). Elements 2j and 2j + 1 are r cos(2 pi v) and r sin(2 pi v), with
/// r = sqrt(-2 log u), u = (word 2j + 1/2) 2^-32, v = (word (2j + 1) >> 8) 2^-24.
void ck_random_normal(float *out, CKStream stream, uint64_t first, size_t n);
void ck_ref_random_normal(float *out, CKStream stream, uint64_t first, size_t n);

#pragma clang assume_nonnull end

#endif
