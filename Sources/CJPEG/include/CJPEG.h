/// JPEG through libjpeg, which reports an error by a long jump: none crosses a Swift frame.

#ifndef CJPEG_H
#define CJPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CJPEG_MESSAGE_CAPACITY = 200 };

/// What the library has said, the first of each kind; empty: nothing.
typedef struct {
    /// Why pixels are missing or made up.
    char damage[CJPEG_MESSAGE_CAPACITY];
    /// What is odd about the file, though all its pixels are there.
    char warning[CJPEG_MESSAGE_CAPACITY];
} cjpeg_report;

/// Decodes `size` bytes at `data` into `height` rows of `width` pixels of `channels` interleaved bytes: 1 grey, 3 RGB, 4 CMYK as
/// stored. Never writes more than height * width * channels bytes, whatever the file says of its size, and takes no
/// more than about `memory` bytes beside them. Returns whether every pixel was in the file.
bool cjpeg_decode(const uint8_t *data, size_t size, int width, int height, int channels, size_t memory, uint8_t *pixels,
                  cjpeg_report *report);

#endif
