/// Animated GIF through giflib, written into memory.

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

#endif
