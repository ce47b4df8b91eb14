/// PNG through libpng. libpng reports an error by a long jump; every call that may jump is made below a setjmp in CPNG.c, so that
/// no jump ever crosses a Swift frame.

#ifndef CPNG_H
#define CPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What the file's header promises. Pixels are delivered as rows of interleaved samples without padding; palettes, transparent
/// colours and depths below 8 are expanded, so there are 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels of 8 or 16 bits.
typedef struct {
    uint32_t width;
    uint32_t height;
    uint8_t channels;
    uint8_t bits_per_sample;
    /// Bytes of a row as the file packs them, before any expansion.
    size_t packed_row_bytes;
} cpng_header;

/// A text chunk (tEXt, zTXt: Latin-1; iTXt: UTF-8). The pointers live as long as the reader.
typedef struct {
    const char *keyword;
    const char *text;
    size_t length;
    bool utf8;
} cpng_text;

/// Bytes that live as long as the reader.
typedef struct {
    const uint8_t *bytes;
    size_t length;
} cpng_bytes;

typedef struct cpng_reader cpng_reader;

/// A reader of `size` bytes at `data`, which must outlive it. NULL when memory is short.
cpng_reader *cpng_reader_new(const uint8_t *data, size_t size);
/// Reads up to the first pixel data. Allocates nothing that grows with the image.
bool cpng_read_header(cpng_reader *reader, cpng_header *header);
/// Reads everything else, to the end of the file; `pixels` holds height * width * channels samples, 16-bit ones in host order.
/// True as soon as every pixel was in the file: what is wrong behind them is a warning.
bool cpng_read_pixels(cpng_reader *reader, uint8_t *pixels);
/// The number of text chunks seen so far; all of them after `cpng_read_pixels`.
size_t cpng_text_count(const cpng_reader *reader);
cpng_text cpng_text_at(const cpng_reader *reader, size_t index);
/// The colour profile (iCCP) and the Exif directory (eXIf), after `cpng_read_pixels`; of length 0 where there are none.
cpng_bytes cpng_profile(const cpng_reader *reader);
cpng_bytes cpng_exif(const cpng_reader *reader);
/// The first thing that was odd about the file; empty: nothing.
const char *cpng_reader_warning(const cpng_reader *reader);
/// Why the last call returned false.
const char *cpng_reader_message(const cpng_reader *reader);
void cpng_reader_free(cpng_reader *reader);

typedef struct cpng_writer cpng_writer;

/// A writer into memory. NULL when memory is short.
cpng_writer *cpng_writer_new(void);
/// Adds a text chunk: iTXt when `utf8`, else tEXt. The strings are copied.
bool cpng_writer_add_text(cpng_writer *writer, const char *keyword, const char *text, bool utf8);
/// Writes the file: 8 bits a sample, 1 to 4 channels.
bool cpng_write(cpng_writer *writer, const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t channels);
const uint8_t *cpng_writer_bytes(const cpng_writer *writer);
size_t cpng_writer_size(const cpng_writer *writer);
/// Why the last call returned false.
const char *cpng_writer_message(const cpng_writer *writer);
void cpng_writer_free(cpng_writer *writer);

#endif
