#include "ck_depthwise.h"

#include <string.h>

#include "window_math.h"

// Each output pixel gathers its taps, a panel of channels at a time: with a constant panel the sums stay in registers
// and every multiply-add reads one input and one weight from cache.

enum { CK_PANEL = 64 };

CK_INLINE void ck_store(float *to, const float *from, size_t n) {
    for (size_t c = 0; c < n; c++) {
        to[c] = from[c];
    }
}

CK_INLINE void ck_depthwise_pixel(
    float *restrict y, const float *restrict x, const float *restrict weight, const float *bias, const CKWindow *w,
    CKTaps down, CKTaps across, size_t n) {
    float sums[CK_PANEL];
    for (size_t c = 0; c < n; c++) {
        sums[c] = bias != NULL ? bias[c] : 0.0f;
    }
    for (size_t ky = down.begin; ky < down.end; ky++) {
        for (size_t kx = across.begin; kx < across.end; kx++) {
            const ptrdiff_t pixel =
                (down.origin + (ptrdiff_t)ky) * (ptrdiff_t)w->width + across.origin + (ptrdiff_t)kx;
            const float *in = x + pixel * (ptrdiff_t)w->channels;
            const float *tap = weight + (ky * w->kernel_width + kx) * w->channels;
            for (size_t c = 0; c < n; c++) {
                sums[c] += tap[c] * in[c];
            }
        }
    }
    ck_store(y, sums, n);
}

CK_MULTIVERSION
void ck_depthwise(
    float *y, const float *x, const float *weight, const float *bias, const CKWindow *window, size_t first,
    size_t last) {
    const CKWindow w = *window;
    for (size_t oy = first; oy < last; oy++) {
        const CKTaps down = ck_taps(oy, w.stride_y, w.padding_top, w.kernel_height, w.height);
        for (size_t c = 0; c < w.channels; c += CK_PANEL) {
            const float *b = bias != NULL ? bias + c : NULL;
            for (size_t ox = 0; ox < w.output_width; ox++) {
                const CKTaps across = ck_taps(ox, w.stride_x, w.padding_left, w.kernel_width, w.width);
                float *out = y + (oy * w.output_width + ox) * w.channels + c;
                if (c + CK_PANEL <= w.channels) {
                    ck_depthwise_pixel(out, x + c, weight + c, b, &w, down, across, CK_PANEL);
                } else {
                    ck_depthwise_pixel(out, x + c, weight + c, b, &w, down, across, w.channels - c);
                }
            }
        }
    }
}

CK_INLINE void ck_depthwise_input_pixel(
    float *restrict dx, const float *restrict dy, const float *restrict weight, const CKWindow *w, size_t iy, size_t ix,
    CKOutputs down, CKOutputs across, size_t n) {
    float sums[CK_PANEL];
    for (size_t c = 0; c < n; c++) {
        sums[c] = 0.0f;
    }
    for (size_t oy = down.begin; oy < down.end; oy++) {
        const size_t ky = (size_t)((ptrdiff_t)iy + w->padding_top) - oy * w->stride_y;
        for (size_t ox = across.begin; ox < across.end; ox++) {
            const size_t kx = (size_t)((ptrdiff_t)ix + w->padding_left) - ox * w->stride_x;
            const float *slope = dy + (oy * w->output_width + ox) * w->channels;
            const float *tap = weight + (ky * w->kernel_width + kx) * w->channels;
            for (size_t c = 0; c < n; c++) {
                sums[c] += tap[c] * slope[c];
            }
        }
    }
    ck_store(dx, sums, n);
}

CK_MULTIVERSION
void ck_depthwise_backward_input(
    float *dx, const float *dy, const float *weight, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    for (size_t iy = first; iy < last; iy++) {
        const CKOutputs down = ck_readers(iy, w.stride_y, w.padding_top, w.kernel_height, w.output_height);
        for (size_t c = 0; c < w.channels; c += CK_PANEL) {
            for (size_t ix = 0; ix < w.width; ix++) {
                const CKOutputs across = ck_readers(ix, w.stride_x, w.padding_left, w.kernel_width, w.output_width);
                float *out = dx + (iy * w.width + ix) * w.channels + c;
                if (c + CK_PANEL <= w.channels) {
                    ck_depthwise_input_pixel(out, dy + c, weight + c, &w, iy, ix, down, across, CK_PANEL);
                } else {
                    ck_depthwise_input_pixel(out, dy + c, weight + c, &w, iy, ix, down, across, w.channels - c);
                }
            }
        }
    }
}

/// Adds one tap's products over the output columns [begin, end) of a row; x points at that tap's input of column 0.
CK_INLINE void ck_depthwise_weight_row(
    float *restrict dweight, const float *restrict dy, const float *restrict x, const CKWindow *w, size_t begin,
    size_t end, size_t n) {
    float sums[CK_PANEL];
    for (size_t c = 0; c < n; c++) {
        sums[c] = 0.0f;
    }
    for (size_t ox = begin; ox < end; ox++) {
        const float *slope = dy + ox * w->channels, *in = x + (ptrdiff_t)(ox * w->stride_x * w->channels);
        for (size_t c = 0; c < n; c++) {
            sums[c] += slope[c] * in[c];
        }
    }
    for (size_t c = 0; c < n; c++) {
        dweight[c] += sums[c];
    }
}

CK_MULTIVERSION
void ck_depthwise_backward_weight(
    float *dweight, const float *dy, const float *x, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    for (size_t oy = first; oy < last; oy++) {
        const CKTaps down = ck_taps(oy, w.stride_y, w.padding_top, w.kernel_height, w.height);
        for (size_t ky = down.begin; ky < down.end; ky++) {
            const float *row = x + (down.origin + (ptrdiff_t)ky) * (ptrdiff_t)(w.width * w.channels);
            for (size_t kx = 0; kx < w.kernel_width; kx++) {
                const CKOutputs inside = ck_outputs(kx, w.stride_x, w.padding_left, w.width, w.output_width);
                const ptrdiff_t shift = w.padding_left - (ptrdiff_t)kx;
                for (size_t c = 0; c < w.channels; c += CK_PANEL) {
                    float *out = dweight + (ky * w.kernel_width + kx) * w.channels + c;
                    const float *slope = dy + oy * w.output_width * w.channels + c;
                    const float *in = row - shift * (ptrdiff_t)w.channels + (ptrdiff_t)c;
                    if (c + CK_PANEL <= w.channels) {
                        ck_depthwise_weight_row(out, slope, in, &w, inside.begin, inside.end, CK_PANEL);
                    } else {
                        ck_depthwise_weight_row(out, slope, in, &w, inside.begin, inside.end, w.channels - c);
                    }
                }
            }
        }
    }
}

/// Calls a statement for each output row in [begin, end), output column, tap and channel whose input is inside the
/// image.
#define REF_EACH_PRODUCT(begin, end, statement)                                                                  \
    for (size_t oy = (begin); oy < (end); oy++) {                                                                \
        for (size_t ox = 0; ox < w.output_width; ox++) {                                                         \
            for (size_t k = 0; k < w.kernel_height * w.kernel_width; k++) {                                      \
                const size_t iy = (size_t)((ptrdiff_t)(oy * w.stride_y + k / w.kernel_width) - w.padding_top);   \
                const size_t ix = (size_t)((ptrdiff_t)(ox * w.stride_x + k % w.kernel_width) - w.padding_left);  \
                if (iy >= w.height || ix >= w.width) {                                                           \
                    continue;                                                                                    \
                }                                                                                                \
                for (size_t c = 0; c < w.channels; c++) {                                                        \
                    const size_t output = (oy * w.output_width + ox) * w.channels + c;                           \
                    const size_t input = (iy * w.width + ix) * w.channels + c;                                   \
                    statement;                                                                                   \
                }                                                                                                \
            }                                                                                                    \
        }                                                                                                        \
    }

void ck_ref_depthwise(
    float *y, const float *x, const float *weight, const float *bias, const CKWindow *window, size_t first,
    size_t last) {
    const CKWindow w = *window;
    for (size_t i = first * w.output_width * w.channels; i < last * w.output_width * w.channels; i++) {
        y[i] = bias != NULL ? bias[i % w.channels] : 0;
    }
    REF_EACH_PRODUCT(first, last, y[output] += weight[k * w.channels + c] * x[input])
}

void ck_ref_depthwise_backward_input(
    float *dx, const float *dy, const float *weight, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    memset(dx + first * w.width * w.channels, 0, (last - first) * w.width * w.channels * sizeof *dx);
    REF_EACH_PRODUCT(
        0, w.output_height,
        if (iy >= first && iy < last) dx[input] += weight[k * w.channels + c] * dy[output])
}

void ck_ref_depthwise_backward_weight(
    float *dweight, const float *dy, const float *x, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    REF_EACH_PRODUCT(first, last, dweight[k * w.channels + c] += dy[output] * x[input])
}
