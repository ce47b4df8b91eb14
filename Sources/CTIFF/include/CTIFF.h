/// The first page of a TIFF through libtiff, from memory.

#ifndef CTIFF_H
#define CTIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CTIFF_MESSAGE_CAPACITY = 200 };

typedef struct ctiff_reader ctiff_reader;

typedef struct {
    uint32_t width;
    uint32_t height;
    uint16_t orientation;
    uint16_t bits_per_sample;
    uint16_t samples_per_pixel;
    bool is_grey;
    bool has_alpha;
    /// Whether the numbers are ink (CMYK) and no light.
    bool is_ink;
    bool has_more_pages;
    /// These live as long as the reader; NULL where there are none.
    const uint8_t *profile;
    size_t profile_size;
    const uint8_t *xmp;
    size_t xmp_size;
} ctiff_header;

/// A reader of `size` bytes at `data`, which must outlive it. NULL when memory is short.
ctiff_reader *ctiff_reader_new(const uint8_t *data, size_t size, size_t memory);
/// False where the file is damaged, or of a kind that libtiff doesn't make pixels of; `supported` tells which.
bool ctiff_read_header(ctiff_reader *reader, ctiff_header *header, bool *supported);
/// Decodes into width * height pixels of four bytes, RGBA, alpha premultiplied, as they are stored, not turned upright.
bool ctiff_decode(ctiff_reader *reader, uint8_t *pixels);
/// Why a call returned false; what it complained of otherwise; or empty.
const char *ctiff_message(const ctiff_reader *reader);
void ctiff_reader_free(ctiff_reader *reader);

#endif
