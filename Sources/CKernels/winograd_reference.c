#include "ck_winograd.h"

/// Number of the input pixel that a tap of an output pixel reads, or -1 outside the image.
static ptrdiff_t ref_input_pixel(const CKWinograd *s, size_t output, size_t tap) {
    const size_t oy = output / s->output_width % s->output_height, ox = output % s->output_width;
    const size_t image = output / s->output_width / s->output_height;
    const ptrdiff_t iy = (ptrdiff_t)(oy + tap / 3) - s->padding_top, ix = (ptrdiff_t)(ox + tap % 3) - s->padding_left;
    const bool inside = iy >= 0 && iy < (ptrdiff_t)s->height && ix >= 0 && ix < (ptrdiff_t)s->width;
    return inside ? ((ptrdiff_t)(image * s->height) + iy) * (ptrdiff_t)s->width + ix : -1;
}

void ck_ref_winograd(
    float *y, const float *x, const float *weights, const float *bias, size_t bias_stride, const float *residual,
    const CKWinograd *shape) {
    const size_t pixels = shape->output_height * shape->output_width, inputs = shape->inputs;
    for (size_t p = 0; p < shape->images * pixels; p++) {
        for (size_t o = 0; o < shape->outputs; o++) {
            double value = bias != NULL ? bias[p / pixels * bias_stride + o] : 0;
            for (size_t tap = 0; tap < 9; tap++) {
                const ptrdiff_t from = ref_input_pixel(shape, p, tap);
                for (size_t i = 0; from >= 0 && i < inputs; i++) {
                    value += (double)weights[(o * 9 + tap) * inputs + i] * x[(size_t)from * inputs + i];
                }
            }
            y[p * shape->outputs + o] = (float)(value + (residual != NULL ? residual[p * shape->outputs + o] : 0));
        }
    }
}

void ck_ref_winograd_weight_gradient(float *dweights, const float *dy, const float *x, const CKWinograd *shape) {
    const size_t pixels = shape->images * shape->output_height * shape->output_width, inputs = shape->inputs;
    for (size_t o = 0; o < shape->outputs; o++) {
        for (size_t tap = 0; tap < 9; tap++) {
            for (size_t i = 0; i < inputs; i++) {
                double sum = 0;
                for (size_t p = 0; p < pixels; p++) {
                    const ptrdiff_t from = ref_input_pixel(shape, p, tap);
                    sum += from >= 0 ? (double)dy[p * shape->outputs + o] * x[(size_t)from * inputs + i] : 0;
                }
                dweights[(o * 9 + tap) * inputs + i] = (float)sum;
            }
        }
    }
}
