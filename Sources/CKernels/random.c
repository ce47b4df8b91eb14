// Every operation below is an integer operation or an IEEE addition, multiplication, or square root: without fused
// multiply-adds the results are the same bits on every CPU and at every vector width.
#pragma clang fp contract(off)

#include "ck_random.h"
#include "vector_math.h"

enum { CK_BLOCKS = 64, CK_WORDS = 4 * CK_BLOCKS };

/// Philox4x32-10 of CK_BLOCKS neighbouring counters, word w of block b at words[w][b].
CK_INLINE void ck_philox(uint32_t words[4][CK_BLOCKS], CKStream stream, uint32_t first_block) {
    for (size_t b = 0; b < CK_BLOCKS; b++) {
        uint32_t x0 = first_block + (uint32_t)b, x1 = stream.c1, x2 = stream.c2, x3 = stream.c3;
        uint32_t key0 = (uint32_t)stream.key, key1 = (uint32_t)(stream.key >> 32);
#pragma clang loop unroll(full)
        for (int round = 0; round < 10; round++) {
            const uint64_t product0 = (uint64_t)x0 * 0xd2511f53u, product1 = (uint64_t)x2 * 0xcd9e8d57u;
            x0 = (uint32_t)(product1 >> 32) ^ x1 ^ key0;
            x1 = (uint32_t)product1;
            x2 = (uint32_t)(product0 >> 32) ^ x3 ^ key1;
            x3 = (uint32_t)product0;
            key0 += 0x9e3779b9u;
            key1 += 0xbb67ae85u;
        }
        words[0][b] = x0;
        words[1][b] = x1;
        words[2][b] = x2;
        words[3][b] = x3;
    }
}

/// Fills out with elements [first, first + n) of a stream: blocks of CK_WORDS are computed whole by `statement`, into
/// `block`, from `words`, and the part that was asked for is copied.
#define CK_FILL_FROM_STREAM(type, statement)                                              \
    uint32_t words[4][CK_BLOCKS];                                                         \
    type block[CK_WORDS];                                                                 \
    for (size_t done = 0; done < n;) {                                                    \
        const uint64_t position = first + done;                                           \
        const size_t skip = (size_t)(position % CK_WORDS);                                \
        const size_t count = CK_WORDS - skip < n - done ? CK_WORDS - skip : n - done;     \
        ck_philox(words, stream, (uint32_t)((position - skip) / 4));                      \
        for (size_t b = 0; b < CK_BLOCKS; b++) {                                          \
            statement                                                                     \
        }                                                                                 \
        memcpy(out + done, block + skip, count * sizeof *out);                            \
        done += count;                                                                    \
    }

CK_MULTIVERSION
void ck_random_words(uint32_t *out, CKStream stream, uint64_t first, size_t n) {
    CK_FILL_FROM_STREAM(uint32_t, {
        block[4 * b] = words[0][b];
        block[4 * b + 1] = words[1][b];
        block[4 * b + 2] = words[2][b];
        block[4 * b + 3] = words[3][b];
    })
}

CK_INLINE float ck_unit(uint32_t word) { return (float)(int32_t)(word >> 8) * 0x1p-24f; }

CK_MULTIVERSION
void ck_random_uniform(float *out, CKStream stream, uint64_t first, size_t n) {
    CK_FILL_FROM_STREAM(float, {
        block[4 * b] = ck_unit(words[0][b]);
        block[4 * b + 1] = ck_unit(words[1][b]);
        block[4 * b + 2] = ck_unit(words[2][b]);
        block[4 * b + 3] = ck_unit(words[3][b]);
    })
}

/// (word + 1/2) 2^-32, from exact halves so that there is one rounding.
CK_INLINE float ck_open_unit(uint32_t word) {
    const float high = (float)(int32_t)(word >> 16) * 0x1p-16f;
    const float low = ((float)(int32_t)(word & 0xffff) + 0.5f) * 0x1p-32f;
    return high + low;
}

CK_INLINE float ck_radius(uint32_t word) { return ck_sqrt(-2.0f * ck_log(ck_open_unit(word))); }

/// sin(2 pi v + quarters pi / 2), v = (word >> 8) 2^-24: the quarter turn nearest to v is taken off exactly.
CK_INLINE float ck_sin_turn(uint32_t word, uint32_t quarters) {
    const uint32_t v = word >> 8;
    const uint32_t quadrant = (v + (1u << 21)) >> 22;
    const float rest = (float)((int32_t)v - (int32_t)(quadrant << 22)) * (1.57079633f * 0x1p-22f);
    return ck_sin_reduced(rest, quadrant + quarters);
}

CK_MULTIVERSION
void ck_random_normal(float *out, CKStream stream, uint64_t first, size_t n) {
    CK_FILL_FROM_STREAM(float, {
        const float radius0 = ck_radius(words[0][b]);
        const float radius1 = ck_radius(words[2][b]);
        block[4 * b] = radius0 * ck_sin_turn(words[1][b], 1);
        block[4 * b + 1] = radius0 * ck_sin_turn(words[1][b], 0);
        block[4 * b + 2] = radius1 * ck_sin_turn(words[3][b], 1);
        block[4 * b + 3] = radius1 * ck_sin_turn(words[3][b], 0);
    })
}

/// One word of a stream, by the paper's definition.
static uint32_t ref_word(CKStream stream, uint64_t element) {
    uint32_t x[4] = {(uint32_t)(element / 4), stream.c1, stream.c2, stream.c3};
    for (uint32_t round = 0; round < 10; round++) {
        const uint32_t key0 = (uint32_t)stream.key + round * 0x9e3779b9u;
        const uint32_t key1 = (uint32_t)(stream.key >> 32) + round * 0xbb67ae85u;
        const uint64_t p = (uint64_t)x[0] * 0xd2511f53u, q = (uint64_t)x[2] * 0xcd9e8d57u;
        const uint32_t next[4] = {(uint32_t)(q >> 32) ^ x[1] ^ key0, (uint32_t)q, (uint32_t)(p >> 32) ^ x[3] ^ key1,
                                  (uint32_t)p};
        memcpy(x, next, sizeof x);
    }
    return x[element % 4];
}

void ck_ref_random_words(uint32_t *out, CKStream stream, uint64_t first, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = ref_word(stream, first + i);
    }
}

void ck_ref_random_uniform(float *out, CKStream stream, uint64_t first, size_t n) {
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)ldexp(ref_word(stream, first + i) >> 8, -24);
    }
}

void ck_ref_random_normal(float *out, CKStream stream, uint64_t first, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint64_t element = first + i, pair = element - element % 2;
        const double u = ldexp(ref_word(stream, pair) + 0.5, -32), v = ldexp(ref_word(stream, pair + 1) >> 8, -24);
        const double radius = sqrt(-2 * log(u));
        out[i] = (float)(radius * (element % 2 == 0 ? cos(2 * M_PI * v) : sin(2 * M_PI * v)));
    }
}
