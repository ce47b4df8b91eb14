/// JPEG through the TurboJPEG API, whose own error jumps stay inside the library.

#ifndef CJPEG_H
#define CJPEG_H

#include <stddef.h>
#include <stdint.h>

enum { CJPEG_MESSAGE_CAPACITY = 200 };

typedef enum {
    CJPEG_DECODED = 0,
    /// Decoded, but the data are damaged: what is missing was made up. The message says how.
    CJPEG_DAMAGED = 1,
    CJPEG_FAILED = 2
} cjpeg_status;

/// Decodes `size` bytes at `data` into `height` rows of `width` pixels of `channels` interleaved bytes: 1 grey, 3 RGB, 4 CMYK as
/// stored. Never writes more than height * width * channels bytes, whatever the file says of its size.
cjpeg_status cjpeg_decode(const uint8_t *data, size_t size, int width, int height, int channels, uint8_t *pixels,
                          char message[CJPEG_MESSAGE_CAPACITY]);

#endif
