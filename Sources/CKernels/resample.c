#include "ck_resample.h"

#include <math.h>
#include <string.h>

#include "window_math.h"

void ck_upsample_nearest(
    float *y, const float *x, size_t factor, size_t width, size_t channels, size_t first, size_t last) {
    const size_t output_row = width * factor * channels;
    for (size_t r = first; r < last; r++) {
        const float *from = x + r * width * channels;
        float *to = y + r * factor * output_row;
        for (size_t p = 0; p < width; p++) {
            for (size_t f = 0; f < factor; f++) {
                memcpy(to + (p * factor + f) * channels, from + p * channels, channels * sizeof *to);
            }
        }
        for (size_t f = 1; f < factor; f++) {
            memcpy(to + f * output_row, to, output_row * sizeof *to);
        }
    }
}

CK_MULTIVERSION
void ck_upsample_nearest_backward(
    float *dx, const float *dy, size_t factor, size_t width, size_t channels, size_t first, size_t last) {
    const size_t output_row = width * factor * channels;
    for (size_t r = first; r < last; r++) {
        for (size_t p = 0; p < width; p++) {
            float *restrict to = dx + (r * width + p) * channels;
            const float *restrict from = dy + r * factor * output_row + p * factor * channels;
            memcpy(to, from, channels * sizeof *to);
            for (size_t f = 1; f < factor * factor; f++) {
                const float *restrict next = from + f / factor * output_row + f % factor * channels;
                for (size_t c = 0; c < channels; c++) {
                    to[c] += next[c];
                }
            }
        }
    }
}

CK_MULTIVERSION
void ck_average_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    const float area = (float)(w.kernel_height * w.kernel_width);
    for (size_t oy = first; oy < last; oy++) {
        const CKTaps down = ck_taps(oy, w.stride_y, w.padding_top, w.kernel_height, w.height);
        for (size_t ox = 0; ox < w.output_width; ox++) {
            const CKTaps across = ck_taps(ox, w.stride_x, w.padding_left, w.kernel_width, w.width);
            float *restrict to = y + (oy * w.output_width + ox) * w.channels;
            memset(to, 0, w.channels * sizeof *to);
            for (size_t ky = down.begin; ky < down.end; ky++) {
                for (size_t kx = across.begin; kx < across.end; kx++) {
                    const size_t iy = (size_t)(down.origin + (ptrdiff_t)ky);
                    const size_t ix = (size_t)(across.origin + (ptrdiff_t)kx);
                    const float *restrict from = x + (iy * w.width + ix) * w.channels;
                    for (size_t c = 0; c < w.channels; c++) {
                        to[c] += from[c];
                    }
                }
            }
            for (size_t c = 0; c < w.channels; c++) {
                to[c] /= area;
            }
        }
    }
}

CK_MULTIVERSION
void ck_average_pool_backward(float *dx, const float *dy, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    const float area = (float)(w.kernel_height * w.kernel_width);
    for (size_t iy = first; iy < last; iy++) {
        const CKOutputs down = ck_readers(iy, w.stride_y, w.padding_top, w.kernel_height, w.output_height);
        for (size_t ix = 0; ix < w.width; ix++) {
            const CKOutputs across = ck_readers(ix, w.stride_x, w.padding_left, w.kernel_width, w.output_width);
            float *restrict to = dx + (iy * w.width + ix) * w.channels;
            memset(to, 0, w.channels * sizeof *to);
            for (size_t oy = down.begin; oy < down.end; oy++) {
                for (size_t ox = across.begin; ox < across.end; ox++) {
                    const float *restrict from = dy + (oy * w.output_width + ox) * w.channels;
                    for (size_t c = 0; c < w.channels; c++) {
                        to[c] += from[c] / area;
                    }
                }
            }
        }
    }
}

CK_MULTIVERSION
void ck_max_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    for (size_t oy = first; oy < last; oy++) {
        const CKTaps down = ck_taps(oy, w.stride_y, w.padding_top, w.kernel_height, w.height);
        for (size_t ox = 0; ox < w.output_width; ox++) {
            const CKTaps across = ck_taps(ox, w.stride_x, w.padding_left, w.kernel_width, w.width);
            float *restrict to = y + (oy * w.output_width + ox) * w.channels;
            bool begun = false;
            for (size_t ky = down.begin; ky < down.end; ky++) {
                for (size_t kx = across.begin; kx < across.end; kx++) {
                    const size_t iy = (size_t)(down.origin + (ptrdiff_t)ky);
                    const size_t ix = (size_t)(across.origin + (ptrdiff_t)kx);
                    const float *restrict from = x + (iy * w.width + ix) * w.channels;
                    if (!begun) {
                        memcpy(to, from, w.channels * sizeof *to);
                        begun = true;
                        continue;
                    }
                    for (size_t c = 0; c < w.channels; c++) {
                        to[c] = from[c] > to[c] ? from[c] : to[c];
                    }
                }
            }
        }
    }
}

void ck_ref_upsample_nearest(
    float *y, const float *x, size_t factor, size_t width, size_t channels, size_t first, size_t last) {
    for (size_t oy = first * factor; oy < last * factor; oy++) {
        for (size_t ox = 0; ox < width * factor; ox++) {
            for (size_t c = 0; c < channels; c++) {
                y[(oy * width * factor + ox) * channels + c] = x[(oy / factor * width + ox / factor) * channels + c];
            }
        }
    }
}

void ck_ref_upsample_nearest_backward(
    float *dx, const float *dy, size_t factor, size_t width, size_t channels, size_t first, size_t last) {
    memset(dx + first * width * channels, 0, (last - first) * width * channels * sizeof *dx);
    for (size_t oy = first * factor; oy < last * factor; oy++) {
        for (size_t ox = 0; ox < width * factor; ox++) {
            for (size_t c = 0; c < channels; c++) {
                dx[(oy / factor * width + ox / factor) * channels + c] += dy[(oy * width * factor + ox) * channels + c];
            }
        }
    }
}

/// The input row or column that a tap reads; not inside the image when it is `size` or more.
static size_t ref_input(size_t output, size_t stride, size_t tap, ptrdiff_t padding) {
    return (size_t)((ptrdiff_t)(output * stride + tap) - padding);
}

void ck_ref_average_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    for (size_t oy = first; oy < last; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            for (size_t c = 0; c < w.channels; c++) {
                double sum = 0;
                for (size_t k = 0; k < w.kernel_height * w.kernel_width; k++) {
                    const size_t iy = ref_input(oy, w.stride_y, k / w.kernel_width, w.padding_top);
                    const size_t ix = ref_input(ox, w.stride_x, k % w.kernel_width, w.padding_left);
                    sum += iy < w.height && ix < w.width ? x[(iy * w.width + ix) * w.channels + c] : 0;
                }
                const double mean = sum / (double)(w.kernel_height * w.kernel_width);
                y[(oy * w.output_width + ox) * w.channels + c] = (float)mean;
            }
        }
    }
}

void ck_ref_max_pool(float *y, const float *x, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    for (size_t oy = first; oy < last; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            for (size_t c = 0; c < w.channels; c++) {
                float largest = -INFINITY;
                for (size_t k = 0; k < w.kernel_height * w.kernel_width; k++) {
                    const size_t iy = ref_input(oy, w.stride_y, k / w.kernel_width, w.padding_top);
                    const size_t ix = ref_input(ox, w.stride_x, k % w.kernel_width, w.padding_left);
                    if (iy < w.height && ix < w.width) {
                        largest = fmaxf(largest, x[(iy * w.width + ix) * w.channels + c]);
                    }
                }
                y[(oy * w.output_width + ox) * w.channels + c] = largest;
            }
        }
    }
}

void ck_ref_average_pool_backward(float *dx, const float *dy, const CKWindow *window, size_t first, size_t last) {
    const CKWindow w = *window;
    memset(dx + first * w.width * w.channels, 0, (last - first) * w.width * w.channels * sizeof *dx);
    for (size_t oy = 0; oy < w.output_height; oy++) {
        for (size_t ox = 0; ox < w.output_width; ox++) {
            for (size_t k = 0; k < w.kernel_height * w.kernel_width; k++) {
                const size_t iy = ref_input(oy, w.stride_y, k / w.kernel_width, w.padding_top);
                const size_t ix = ref_input(ox, w.stride_x, k % w.kernel_width, w.padding_left);
                if (iy < first || iy >= last || ix >= w.width) {
                    continue;
                }
                for (size_t c = 0; c < w.channels; c++) {
                    dx[(iy * w.width + ix) * w.channels + c] +=
                        dy[(oy * w.output_width + ox) * w.channels + c] / (float)(w.kernel_height * w.kernel_width);
                }
            }
        }
    }
}
