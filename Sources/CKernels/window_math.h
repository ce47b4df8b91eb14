/// Which taps of a window fall inside the image, along one axis.
#ifndef CK_WINDOW_MATH_H
#define CK_WINDOW_MATH_H

#include "ck_window.h"
#include "multiversion.h"

typedef struct CKTaps {
    ptrdiff_t origin;    ///< the input position of tap 0; may be negative
    size_t begin, end;   ///< the taps inside, an empty range when there are none
} CKTaps;

/// Taps of output position `output`.
CK_INLINE CKTaps ck_taps(size_t output, size_t stride, ptrdiff_t padding, size_t kernel, size_t size) {
    const ptrdiff_t origin = (ptrdiff_t)(output * stride) - padding;
    const ptrdiff_t inside = (ptrdiff_t)size - origin;  // taps before the far edge
    ptrdiff_t begin = origin < 0 ? -origin : 0;
    ptrdiff_t end = inside < (ptrdiff_t)kernel ? inside : (ptrdiff_t)kernel;
    if (end <= begin) {
        begin = end = 0;
    }
    return (CKTaps){.origin = origin, .begin = (size_t)begin, .end = (size_t)end};
}

typedef struct CKOutputs {
    size_t begin, end;
} CKOutputs;

/// The outputs that read inside the image with the given tap: 0 <= output * stride - padding + tap < size.
CK_INLINE CKOutputs ck_outputs(size_t tap, size_t stride, ptrdiff_t padding, size_t size, size_t outputs) {
    const ptrdiff_t shift = padding - (ptrdiff_t)tap, step = (ptrdiff_t)stride, far = (ptrdiff_t)size + shift;
    const size_t begin = shift > 0 ? (size_t)((shift + step - 1) / step) : 0;
    const size_t past = far > 0 ? (size_t)((far + step - 1) / step) : 0;
    const size_t end = past < outputs ? past : outputs;
    return begin < end ? (CKOutputs){begin, end} : (CKOutputs){0, 0};
}

/// The outputs whose window contains input position `input`: output o reads it with tap input + padding - o * stride.
CK_INLINE CKOutputs ck_readers(size_t input, size_t stride, ptrdiff_t padding, size_t kernel, size_t outputs) {
    const ptrdiff_t position = (ptrdiff_t)input + padding;
    if (position < 0) {
        return (CKOutputs){0, 0};
    }
    const size_t p = (size_t)position;
    const size_t begin = p < kernel ? 0 : (p - kernel) / stride + 1;
    const size_t end = p / stride + 1 < outputs ? p / stride + 1 : outputs;
    return begin < end ? (CKOutputs){begin, end} : (CKOutputs){0, 0};
}

#endif
