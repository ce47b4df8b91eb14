#include "ck_im2col.h"

#include <string.h>

#include "window_math.h"

// For each kernel row the taps that fall inside the image are neighbours in memory, so a patch is a few copies. Without
// a group slice they are one run of floats.

CK_INLINE void ck_copy_taps(
    float *restrict to, const float *restrict from, size_t taps, size_t channels, size_t channel_count) {
    if (channel_count == channels) {
        memcpy(to, from, taps * channels * sizeof *to);
        return;
    }
    for (size_t t = 0; t < taps; t++) {
        memcpy(to + t * channel_count, from + t * channels, channel_count * sizeof *to);
    }
}

CK_INLINE void ck_add_taps(
    float *restrict to, const float *restrict from, size_t taps, size_t channels, size_t channel_count) {
    if (channel_count == channels) {
        for (size_t i = 0; i < taps * channels; i++) {
            to[i] += from[i];
        }
        return;
    }
    for (size_t t = 0; t < taps; t++) {
        for (size_t c = 0; c < channel_count; c++) {
            to[t * channels + c] += from[t * channel_count + c];
        }
    }
}

CK_MULTIVERSION
void ck_im2col(
    float *columns, size_t ld, const float *image, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last) {
    const CKWindow w = *window;
    const size_t row_floats = w.kernel_width * channel_count;
    for (size_t p = first; p < last; p++) {
        float *row = columns + (p - first) * ld;
        const CKTaps down = ck_taps(p / w.output_width, w.stride_y, w.padding_top, w.kernel_height, w.height);
        const CKTaps across = ck_taps(p % w.output_width, w.stride_x, w.padding_left, w.kernel_width, w.width);
        const size_t taps = across.end - across.begin;
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
            float *to = row + ky * row_floats;
            if (ky < down.begin || ky >= down.end || taps == 0) {
                memset(to, 0, row_floats * sizeof *to);
                continue;
            }
            const size_t y = (size_t)(down.origin + (ptrdiff_t)ky);
            const size_t x = (size_t)(across.origin + (ptrdiff_t)across.begin);
            const float *from = image + (y * w.width + x) * w.channels + channel_offset;
            if (taps < w.kernel_width) {
                memset(to, 0, row_floats * sizeof *to);
            }
            ck_copy_taps(to + across.begin * channel_count, from, taps, w.channels, channel_count);
        }
    }
}

CK_MULTIVERSION
void ck_col2im(
    float *image, const float *columns, size_t ld, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last) {
    const CKWindow w = *window;
    const size_t row_floats = w.kernel_width * channel_count;
    for (size_t p = first; p < last; p++) {
        const float *row = columns + (p - first) * ld;
        const CKTaps down = ck_taps(p / w.output_width, w.stride_y, w.padding_top, w.kernel_height, w.height);
        const CKTaps across = ck_taps(p % w.output_width, w.stride_x, w.padding_left, w.kernel_width, w.width);
        if (across.begin == across.end) {
            continue;
        }
        const size_t x = (size_t)(across.origin + (ptrdiff_t)across.begin);
        for (size_t ky = down.begin; ky < down.end; ky++) {
            const size_t y = (size_t)(down.origin + (ptrdiff_t)ky);
            ck_add_taps(
                image + (y * w.width + x) * w.channels + channel_offset,
                row + ky * row_floats + across.begin * channel_count, across.end - across.begin, w.channels,
                channel_count);
        }
    }
}

/// Calls a statement for each (row, index in the row, index in the image) of a patch element inside the image.
#define REF_EACH_TAP(statement)                                                                             \
    for (size_t p = first; p < last; p++) {                                                                 \
        for (size_t ky = 0; ky < w.kernel_height; ky++) {                                                   \
            for (size_t kx = 0; kx < w.kernel_width; kx++) {                                                \
                for (size_t c = 0; c < channel_count; c++) {                                                \
                    const ptrdiff_t y = (ptrdiff_t)(p / w.output_width * w.stride_y + ky) - w.padding_top;  \
                    const ptrdiff_t x = (ptrdiff_t)(p % w.output_width * w.stride_x + kx) - w.padding_left; \
                    const bool inside = y >= 0 && y < (ptrdiff_t)w.height && x >= 0 && x < (ptrdiff_t)w.width; \
                    const size_t column = (p - first) * ld + (ky * w.kernel_width + kx) * channel_count + c; \
                    const ptrdiff_t pixel =                                                                 \
                        (y * (ptrdiff_t)w.width + x) * (ptrdiff_t)w.channels + (ptrdiff_t)(channel_offset + c); \
                    statement;                                                                              \
                }                                                                                           \
            }                                                                                               \
        }                                                                                                   \
    }

void ck_ref_im2col(
    float *columns, size_t ld, const float *image, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last) {
    const CKWindow w = *window;
    REF_EACH_TAP(columns[column] = inside ? image[pixel] : 0)
}

void ck_ref_col2im(
    float *image, const float *columns, size_t ld, const CKWindow *window, size_t channel_offset, size_t channel_count,
    size_t first, size_t last) {
    const CKWindow w = *window;
    REF_EACH_TAP(if (inside) image[pixel] += columns[column])
}
