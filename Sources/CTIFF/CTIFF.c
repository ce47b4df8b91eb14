#include "CTIFF.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

struct ctiff_reader {
    TIFF *tiff;
    const uint8_t *data;
    size_t size;
    size_t offset;
    ctiff_header header;
    char message[CTIFF_MESSAGE_CAPACITY];
};

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t count) {
    ctiff_reader *reader = handle;
    const size_t left = reader->offset < reader->size ? reader->size - reader->offset : 0;
    const size_t taken = (size_t)count < left ? (size_t)count : left;
    memcpy(out, reader->data + reader->offset, taken);
    reader->offset += taken;
    return (tmsize_t)taken;
}

static tmsize_t write_nothing(thandle_t handle, void *data, tmsize_t count) {
    (void)handle, (void)data, (void)count;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    ctiff_reader *reader = handle;
    const toff_t from = whence == SEEK_CUR ? reader->offset : whence == SEEK_END ? reader->size : 0;
    const toff_t place = from + offset;
    reader->offset = place > reader->size ? reader->size : (size_t)place;
    return reader->offset;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) { return ((ctiff_reader *)handle)->size; }

/// The first message is kept: those after it follow from it.
static int on_message(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    (void)tiff, (void)module;
    ctiff_reader *reader = user;
    if (!reader->message[0]) vsnprintf(reader->message, sizeof reader->message, format, arguments);
    return 1;
}

ctiff_reader *ctiff_reader_new(const uint8_t *data, size_t size, size_t memory) {
    ctiff_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->data = data;
    reader->size = size;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        free(reader);
        return NULL;
    }
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)memory);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_message, reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_message, reader);
    // "m": the file is read by the functions here, not mapped.
    reader->tiff = TIFFClientOpenExt("picture", "rm", reader, read_bytes, write_nothing, seek, close_nothing, size_of, NULL, NULL,
                                     options);
    TIFFOpenOptionsFree(options);
    return reader;
}

bool ctiff_read_header(ctiff_reader *reader, ctiff_header *header, bool *supported) {
    TIFF *tiff = reader->tiff;
    *supported = true;
    if (!tiff) return false;
    uint16_t photometric = PHOTOMETRIC_MINISWHITE, extra = 0, *kinds = NULL;
    uint32_t profile = 0, xmp = 0;
    reader->header.orientation = ORIENTATION_TOPLEFT;
    ctiff_header *found = &reader->header;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &found->width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &found->height))
        return false;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &found->orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &found->bits_per_sample);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &found->samples_per_pixel);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    found->is_grey = photometric == PHOTOMETRIC_MINISWHITE || photometric == PHOTOMETRIC_MINISBLACK;
    found->is_ink = photometric == PHOTOMETRIC_SEPARATED;
    const bool one_extra = extra == 1 && (kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA);
    found->has_alpha = one_extra && !found->is_ink;
    if (TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &profile, &found->profile)) found->profile_size = profile;
    if (TIFFGetField(tiff, TIFFTAG_XMLPACKET, &xmp, &found->xmp)) found->xmp_size = xmp;
    found->has_more_pages = !TIFFLastDirectory(tiff);
    *header = reader->header;
    char why[1024];
    if (!TIFFRGBAImageOK(tiff, why)) {
        snprintf(reader->message, sizeof reader->message, "%s", why);
        *supported = false;
        return false;
    }
    return true;
}

bool ctiff_decode(ctiff_reader *reader, uint8_t *pixels) {
    const ctiff_header *header = &reader->header;
    TIFFRGBAImage image;
    char why[1024] = "";
    bool decoded = false;
    // Stops at the first error.
    if (TIFFRGBAImageBegin(&image, reader->tiff, 1, why)) {
        image.req_orientation = header->orientation;
        decoded = TIFFRGBAImageGet(&image, (uint32_t *)(void *)pixels, header->width, header->height);
        TIFFRGBAImageEnd(&image);
    } else if (!reader->message[0]) {
        snprintf(reader->message, sizeof reader->message, "%s", why);
    }
    return decoded;
}

const char *ctiff_message(const ctiff_reader *reader) { return reader->message; }

void ctiff_reader_free(ctiff_reader *reader) {
    if (reader->tiff) TIFFClose(reader->tiff);
    free(reader);
}
