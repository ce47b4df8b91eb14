/// Colours from a file's own profile (ICC.1) to sRGB, through Little CMS.

#ifndef CLCMS_H
#define CLCMS_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    CLCMS_CONVERTED = 0,
    /// It is sRGB, as near as 8 bits tell: nothing is written.
    CLCMS_IS_SRGB = 1,
    /// The profile is of another kind of colours than the pixels are, or none at all.
    CLCMS_UNFIT = 2
} clcms_status;

/// Converts `count` pixels of `channels` samples of one or two bytes: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA, to the
/// same, perceptually, alpha unchanged.
clcms_status clcms_to_srgb(const uint8_t *profile, size_t size, const void *pixels, void *converted, size_t count, int channels,
                           int bytes_per_sample);

/// Converts `count` pixels of cyan, magenta, yellow and black, 255 for no ink, to RGB.
clcms_status clcms_ink_to_srgb(const uint8_t *profile, size_t size, const uint8_t *ink, uint8_t *rgb, size_t count);

#endif
