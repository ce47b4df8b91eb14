/// WebP through libwebp: the still picture, or the first frame of an animation, with what lies beside it.

#ifndef CWEBP_H
#define CWEBP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Where a chunk's content lies in the file; of length 0 where there is none.
typedef struct {
    size_t offset;
    size_t length;
} cwebp_chunk;

typedef struct {
    uint32_t width;
    uint32_t height;
    uint32_t frames;
    bool has_alpha;
    cwebp_chunk profile;
    cwebp_chunk exif;
    cwebp_chunk xmp;
} cwebp_header;

/// Reads the chunks of a whole file; false for one that is damaged or cut off. Allocates nothing that grows with the
/// picture.
bool cwebp_read_header(const uint8_t *data, size_t size, cwebp_header *header);

/// Decodes into width * height pixels of four bytes, RGBA, alpha not premultiplied; false for damaged data.
bool cwebp_decode(const uint8_t *data, size_t size, uint8_t *pixels);

#endif
