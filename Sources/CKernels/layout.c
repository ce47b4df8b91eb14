#include "ck_layout.h"

#include <string.h>

#include "vectors.h"

CK_MULTIVERSION
void ck_copy_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
    if (ldy == columns && ldx == columns) {
        memcpy(y, x, rows * columns * sizeof *y);
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        memcpy(y + r * ldy, x + r * ldx, columns * sizeof *y);
    }
}

CK_INLINE void ck_add_floats(float *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] += x[i];
    }
}

CK_MULTIVERSION
void ck_accumulate_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        ck_add_floats(y + r * ldy, x + r * ldx, columns);
    }
}

CK_MULTIVERSION
void ck_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
    const size_t whole_rows = rows - rows % CK_LANES, whole_columns = columns - columns % CK_LANES;
    for (size_t r = 0; r < whole_rows; r += CK_LANES) {
        for (size_t c = 0; c < whole_columns; c += CK_LANES) {
            ck_transpose_tile(y + c * ldy + r, ldy, x + r * ldx + c, ldx);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = r < whole_rows ? whole_columns : 0; c < columns; c++) {
            y[c * ldy + r] = x[r * ldx + c];
        }
    }
}

void ck_channels_last(float *y, const float *x, size_t count, size_t channels, size_t pixels) {
    const size_t size = channels * pixels;
    for (size_t i = 0; i < count; i++) {
        ck_transpose(y + i * size, channels, x + i * size, pixels, channels, pixels);
    }
}

void ck_channels_first(float *y, const float *x, size_t count, size_t channels, size_t pixels) {
    ck_channels_last(y, x, count, pixels, channels);
}

/// Sizes and strides of a strided array with as few dimensions as describe the same walk.
typedef struct CKWalk {
    size_t rank;
    size_t sizes[CK_MAX_RANK];
    ptrdiff_t strides[CK_MAX_RANK];
    bool empty;
} CKWalk;

static CKWalk ck_walk(const size_t *sizes, const ptrdiff_t *strides, size_t rank) {
    CKWalk walk = {.rank = 0, .empty = false};
    for (size_t d = 0; d < rank; d++) {
        walk.empty |= sizes[d] == 0;
        if (sizes[d] == 1) {
            continue;
        }
        const size_t last = walk.rank - 1;
        if (walk.rank > 0 && walk.strides[last] == strides[d] * (ptrdiff_t)sizes[d]) {
            walk.sizes[last] *= sizes[d];
            walk.strides[last] = strides[d];
        } else {
            walk.sizes[walk.rank] = sizes[d];
            walk.strides[walk.rank] = strides[d];
            walk.rank++;
        }
    }
    if (walk.rank == 0) {
        walk.sizes[0] = 1;
        walk.strides[0] = 1;
        walk.rank = 1;
    }
    return walk;
}

/// Steps the index of the outer `dimensions` dimensions as an odometer and keeps `offset` in step. False after the
/// last.
static bool ck_advance(const CKWalk *walk, size_t dimensions, size_t *index, ptrdiff_t *offset) {
    for (size_t d = dimensions; d-- > 0;) {
        *offset += walk->strides[d];
        if (++index[d] < walk->sizes[d]) {
            return true;
        }
        *offset -= walk->strides[d] * (ptrdiff_t)walk->sizes[d];
        index[d] = 0;
    }
    return false;
}

CK_MULTIVERSION
void ck_gather_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank) {
    const CKWalk walk = ck_walk(sizes, strides, rank);
    if (walk.empty) {
        return;
    }
    const size_t last = walk.rank - 1;
    const size_t n = walk.sizes[last];
    const ptrdiff_t stride = walk.strides[last];
    size_t index[CK_MAX_RANK] = {0};
    ptrdiff_t offset = 0;
    if (last > 0 && walk.strides[last - 1] == 1 && stride > 1) {
        // The inner two dimensions are a transposed matrix.
        const size_t columns = walk.sizes[last - 1];
        do {
            ck_transpose(y, n, x + offset, (size_t)stride, n, columns);
            y += n * columns;
        } while (ck_advance(&walk, last - 1, index, &offset));
        return;
    }
    do {
        const float *source = x + offset;
        if (stride == 1) {
            memcpy(y, source, n * sizeof *y);
        } else {
            for (size_t i = 0; i < n; i++) {
                y[i] = source[(ptrdiff_t)i * stride];
            }
        }
        y += n;
    } while (ck_advance(&walk, last, index, &offset));
}

CK_MULTIVERSION
void ck_scatter_add_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank) {
    const CKWalk walk = ck_walk(sizes, strides, rank);
    if (walk.empty) {
        return;
    }
    const size_t last = walk.rank - 1;
    const size_t n = walk.sizes[last];
    const ptrdiff_t stride = walk.strides[last];
    size_t index[CK_MAX_RANK] = {0};
    ptrdiff_t offset = 0;
    do {
        float *target = y + offset;
        if (stride == 1) {
            ck_add_floats(target, x, n);
        } else {
            for (size_t i = 0; i < n; i++) {
                target[(ptrdiff_t)i * stride] += x[i];
            }
        }
        x += n;
    } while (ck_advance(&walk, last, index, &offset));
}

void ck_gather_rows(float *y, const float *table, const int32_t *indices, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        memcpy(y + r * columns, table + (size_t)indices[r] * columns, columns * sizeof *y);
    }
}

CK_MULTIVERSION
void ck_scatter_add_rows(float *table, const float *x, const int32_t *indices, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        ck_add_floats(table + (size_t)indices[r] * columns, x + r * columns, columns);
    }
}

void ck_ref_transpose(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            y[c * ldy + r] = x[r * ldx + c];
        }
    }
}

/// Offset in the strided array of the element with the given row-major number.
static ptrdiff_t ref_offset(size_t number, const size_t *sizes, const ptrdiff_t *strides, size_t rank) {
    ptrdiff_t offset = 0;
    for (size_t d = rank; d-- > 0;) {
        offset += (ptrdiff_t)(number % sizes[d]) * strides[d];
        number /= sizes[d];
    }
    return offset;
}

static size_t ref_count(const size_t *sizes, size_t rank) {
    size_t count = 1;
    for (size_t d = 0; d < rank; d++) {
        count *= sizes[d];
    }
    return count;
}

void ck_ref_gather_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank) {
    const size_t count = ref_count(sizes, rank);
    for (size_t i = 0; i < count; i++) {
        y[i] = x[ref_offset(i, sizes, strides, rank)];
    }
}

void ck_ref_scatter_add_strided(float *y, const float *x, const size_t *sizes, const ptrdiff_t *strides, size_t rank) {
    const size_t count = ref_count(sizes, rank);
    for (size_t i = 0; i < count; i++) {
        y[ref_offset(i, sizes, strides, rank)] += x[i];
    }
}
