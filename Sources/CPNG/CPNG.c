#include "CPNG.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_CAPACITY = 160, LARGEST_CHUNK = 4 << 20 };

/// What the library says: why it failed, and the first thing that it found odd. The error pointer of a png_struct.
typedef struct {
    char error[MESSAGE_CAPACITY];
    char warning[MESSAGE_CAPACITY];
} messages;

static void keep_message(char *kept, const char *message) {
    strncpy(kept, message, MESSAGE_CAPACITY - 1);
    kept[MESSAGE_CAPACITY - 1] = 0;
}

static void on_error(png_structp png, png_const_charp message) {
    messages *kept = png_get_error_ptr(png);
    keep_message(kept->error, message);
    png_longjmp(png, 1);
}

/// Warnings concern colour profiles, dates, damaged remarks and the like: nothing that changes a pixel.
static void on_warning(png_structp png, png_const_charp message) {
    messages *kept = png_get_error_ptr(png);
    if (!kept->warning[0]) keep_message(kept->warning, message);
}

// MARK: Reading

struct cpng_reader {
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t size;
    size_t offset;
    cpng_header header;
    messages messages;
};

static void read_bytes(png_structp png, png_bytep out, size_t count) {
    cpng_reader *reader = png_get_io_ptr(png);
    if (count > reader->size - reader->offset) {
        png_error(png, "the file ends early");
    }
    memcpy(out, reader->data + reader->offset, count);
    reader->offset += count;
}

cpng_reader *cpng_reader_new(const uint8_t *data, size_t size) {
    cpng_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->data = data;
    reader->size = size;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader->messages, on_error, on_warning);
    reader->info = reader->png ? png_create_info_struct(reader->png) : NULL;
    if (!reader->info) {
        cpng_reader_free(reader);
        return NULL;
    }
    return reader;
}

bool cpng_read_header(cpng_reader *reader, cpng_header *header) {
    png_structp png = reader->png;
    png_infop info = reader->info;
    if (setjmp(png_jmpbuf(png))) return false;

    png_set_read_fn(png, reader, read_bytes);
    // A damaged remark is left out; what makes pixels must be whole.
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    // The caller judges the image's size; libpng bounds what the other chunks may hold.
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, LARGEST_CHUNK);
    png_set_chunk_cache_max(png, 64);
    png_read_info(png, info);

    const int colour = png_get_color_type(png, info);
    int channels = colour & PNG_COLOR_MASK_COLOR ? 3 : 1;
    if (colour & PNG_COLOR_MASK_ALPHA || png_get_valid(png, info, PNG_INFO_tRNS)) channels += 1;
    reader->header.width = png_get_image_width(png, info);
    reader->header.height = png_get_image_height(png, info);
    reader->header.channels = (uint8_t)channels;
    reader->header.bits_per_sample = png_get_bit_depth(png, info) == 16 ? 16 : 8;
    reader->header.packed_row_bytes = png_get_rowbytes(png, info);
    *header = reader->header;
    return true;
}

bool cpng_read_pixels(cpng_reader *reader, uint8_t *pixels) {
    png_structp png = reader->png;
    png_infop info = reader->info;
    if (setjmp(png_jmpbuf(png))) return false;

    png_set_expand(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    png_set_swap(png);
#endif
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);

    const cpng_header header = reader->header;
    const size_t stride = (size_t)header.width * header.channels * (header.bits_per_sample / 8);
    if (png_get_rowbytes(png, info) != stride) png_error(png, "the rows are not as long as the header says");
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < header.height; y++) png_read_row(png, pixels + y * stride, NULL);
    }
    // All pixels are there, whatever follows.
    if (setjmp(png_jmpbuf(png))) {
        on_warning(png, reader->messages.error);
        return true;
    }
    png_read_end(png, info);
    return true;
}

cpng_bytes cpng_profile(const cpng_reader *reader) {
    png_charp name;
    int compression;
    png_bytep profile = NULL;
    png_uint_32 size = 0;
    if (!png_get_iCCP(reader->png, reader->info, &name, &compression, &profile, &size)) return (cpng_bytes){NULL, 0};
    return (cpng_bytes){profile, size};
}

cpng_bytes cpng_exif(const cpng_reader *reader) {
    png_bytep exif = NULL;
    png_uint_32 size = 0;
    if (!png_get_eXIf_1(reader->png, reader->info, &size, &exif)) return (cpng_bytes){NULL, 0};
    return (cpng_bytes){exif, size};
}

const char *cpng_reader_warning(const cpng_reader *reader) { return reader->messages.warning; }

size_t cpng_text_count(const cpng_reader *reader) {
    png_textp texts;
    const int count = png_get_text(reader->png, reader->info, &texts, NULL);
    return count > 0 ? (size_t)count : 0;
}

cpng_text cpng_text_at(const cpng_reader *reader, size_t index) {
    png_textp texts;
    png_get_text(reader->png, reader->info, &texts, NULL);
    const png_text text = texts[index];
    const bool utf8 = text.compression >= PNG_ITXT_COMPRESSION_NONE;
    return (cpng_text){text.key, text.text, utf8 ? text.itxt_length : text.text_length, utf8};
}

const char *cpng_reader_message(const cpng_reader *reader) { return reader->messages.error; }

void cpng_reader_free(cpng_reader *reader) {
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader);
}

// MARK: Writing

struct cpng_writer {
    png_structp png;
    png_infop info;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    messages messages;
};

static void write_bytes(png_structp png, png_bytep data, size_t count) {
    cpng_writer *writer = png_get_io_ptr(png);
    if (count > writer->capacity - writer->size) {
        const size_t capacity = 2 * writer->capacity + count + 4096;
        uint8_t *grown = realloc(writer->bytes, capacity);
        if (!grown) png_error(png, "out of memory");
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->size, data, count);
    writer->size += count;
}

static void flush_bytes(png_structp png) { (void)png; }

cpng_writer *cpng_writer_new(void) {
    cpng_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return NULL;
    writer->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer->messages, on_error, on_warning);
    writer->info = writer->png ? png_create_info_struct(writer->png) : NULL;
    if (!writer->info) {
        cpng_writer_free(writer);
        return NULL;
    }
    return writer;
}

bool cpng_writer_add_text(cpng_writer *writer, const char *keyword, const char *text, bool utf8) {
    if (setjmp(png_jmpbuf(writer->png))) return false;
    png_text chunk = {0};
    chunk.compression = utf8 ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
    chunk.key = (char *)keyword;  // png_set_text copies both strings and changes neither.
    chunk.text = (char *)text;
    png_set_text(writer->png, writer->info, &chunk, 1);
    return true;
}

bool cpng_write(cpng_writer *writer, const uint8_t *pixels, uint32_t width, uint32_t height, uint8_t channels) {
    static const int colours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    png_structp png = writer->png;
    png_infop info = writer->info;
    if (setjmp(png_jmpbuf(png))) return false;
    if (channels < 1 || channels > 4) png_error(png, "an image has 1 to 4 channels");

    png_set_write_fn(png, writer, write_bytes, flush_bytes);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    // Level and filters are named so that the bytes don't hang on a default of the library.
    png_set_compression_level(png, 6);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_ALL_FILTERS);
    png_set_IHDR(png, info, width, height, 8, colours[channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    const size_t stride = (size_t)width * channels;
    for (uint32_t y = 0; y < height; y++) png_write_row(png, pixels + y * stride);
    png_write_end(png, info);
    return true;
}

const uint8_t *cpng_writer_bytes(const cpng_writer *writer) { return writer->bytes; }

size_t cpng_writer_size(const cpng_writer *writer) { return writer->size; }

const char *cpng_writer_message(const cpng_writer *writer) { return writer->messages.error; }

void cpng_writer_free(cpng_writer *writer) {
    png_destroy_write_struct(&writer->png, &writer->info);
    free(writer->bytes);
    free(writer);
}
