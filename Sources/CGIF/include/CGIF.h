/// GIF through giflib: animations written into memory, and the first picture of a file.

#ifndef CGIF_H
#define CGIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cgif_writer cgif_writer;

/// A writer of frames of `width` x `height` (1...65535) that play forever. NULL when memory is short.
cgif_writer *cgif_writer_new(int width, int height);
/// Adds a frame: one palette index per pixel, `colors` (2...256, a power of two) RGB triples, and its time on screen in
/// hundredths of a second.
bool cgif_add_frame(cgif_writer *writer, const uint8_t *indices, const uint8_t *palette, int colors, int delay);
/// Ends the file; nothing but the bytes can be asked for after that.
bool cgif_finish(cgif_writer *writer);
const uint8_t *cgif_bytes(const cgif_writer *writer);
size_t cgif_size(const cgif_writer *writer);
/// Why the last call returned false.
const char *cgif_message(const cgif_writer *writer);
void cgif_writer_free(cgif_writer *writer);

typedef struct cgif_reader cgif_reader;

/// A reader of `size` bytes at `data`, which must outlive it. NULL when memory is short.
cgif_reader *cgif_reader_new(const uint8_t *data, size_t size);
/// Reads up to the first picture: the size of the canvas that holds it. Allocates nothing that grows with it.
bool cgif_read_header(cgif_reader *reader, int *width, int *height);
/// Decodes the first picture into rows of `width` pixels of four bytes, RGBA, all zero before; those that it leaves
/// stay transparent.
///
/// `more` becomes 1 where another picture follows, 0 at the end of the file, -1 where the file ends without saying so.
bool cgif_read_pixels(cgif_reader *reader, int width, uint8_t *pixels, int *more);
/// Why the last call returned false.
const char *cgif_reader_message(const cgif_reader *reader);
void cgif_reader_free(cgif_reader *reader);

#endif
