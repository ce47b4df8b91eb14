/// Geometry of a window that slides over an image: shared by im2col, depthwise convolution and pooling.
#ifndef CK_WINDOW_H
#define CK_WINDOW_H

#include "ck_types.h"

/// Output position (y, x) reads input rows y * stride_y - padding_top + [0, kernel_height) and columns likewise.
/// Positions outside the input read as zero, on any side, so bottom and right padding follow from the output's size.
typedef struct CKWindow {
    size_t height, width, channels;
    size_t output_height, output_width;
    size_t kernel_height, kernel_width;
    size_t stride_y, stride_x;
    ptrdiff_t padding_top, padding_left;
} CKWindow;

#endif
