#include "CGIF.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

struct cgif_writer {
    GifFileType *gif;
    int width;
    int height;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    GifPixelType *line;
    int error;
};

/// giflib takes fewer bytes written than asked for as an error.
static int write_bytes(GifFileType *gif, const GifByteType *data, int count) {
    cgif_writer *writer = gif->UserData;
    if ((size_t)count > writer->capacity - writer->size) {
        const size_t capacity = 2 * writer->capacity + (size_t)count + 4096;
        uint8_t *grown = realloc(writer->bytes, capacity);
        if (!grown) return 0;
        writer->bytes = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->size, data, (size_t)count);
    writer->size += (size_t)count;
    return count;
}

static bool done(cgif_writer *writer, int result) {
    if (result == GIF_ERROR) writer->error = writer->gif->Error;
    return result != GIF_ERROR;
}

/// The application extension by which browsers know that an animation repeats without end.
static bool put_loop(cgif_writer *writer) {
    static const GifByteType repeat_forever[] = {1, 0, 0};
    return done(writer, EGifPutExtensionLeader(writer->gif, APPLICATION_EXT_FUNC_CODE)) &&
           done(writer, EGifPutExtensionBlock(writer->gif, 11, "NETSCAPE2.0")) &&
           done(writer, EGifPutExtensionBlock(writer->gif, sizeof repeat_forever, repeat_forever)) &&
           done(writer, EGifPutExtensionTrailer(writer->gif));
}

cgif_writer *cgif_writer_new(int width, int height) {
    cgif_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return NULL;
    writer->width = width;
    writer->height = height;
    writer->line = malloc((size_t)width * sizeof *writer->line);
    writer->gif = writer->line ? EGifOpen(writer, write_bytes, &writer->error) : NULL;
    if (!writer->gif) {
        cgif_writer_free(writer);
        return NULL;
    }
    EGifSetGifVersion(writer->gif, true);
    if (!done(writer, EGifPutScreenDesc(writer->gif, width, height, 8, 0, NULL)) || !put_loop(writer)) {
        cgif_writer_free(writer);
        return NULL;
    }
    return writer;
}

bool cgif_add_frame(cgif_writer *writer, const uint8_t *indices, const uint8_t *palette, int colors, int delay) {
    const GraphicsControlBlock control = {
        .DisposalMode = DISPOSE_DO_NOT, .UserInputFlag = false, .DelayTime = delay, .TransparentColor = NO_TRANSPARENT_COLOR};
    GifByteType extension[4];
    const size_t length = EGifGCBToExtension(&control, extension);
    if (!done(writer, EGifPutExtension(writer->gif, GRAPHICS_EXT_FUNC_CODE, (int)length, extension))) return false;

    ColorMapObject *map = GifMakeMapObject(colors, NULL);
    if (!map) {
        writer->error = E_GIF_ERR_NOT_ENOUGH_MEM;
        return false;
    }
    for (int i = 0; i < colors; i++) map->Colors[i] = (GifColorType){palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]};
    bool ok = done(writer, EGifPutImageDesc(writer->gif, 0, 0, writer->width, writer->height, false, map));
    GifFreeMapObject(map);
    for (int y = 0; ok && y < writer->height; y++) {
        memcpy(writer->line, indices + (size_t)y * (size_t)writer->width, (size_t)writer->width);
        ok = done(writer, EGifPutLine(writer->gif, writer->line, writer->width));
    }
    return ok;
}

bool cgif_finish(cgif_writer *writer) {
    GifFileType *gif = writer->gif;
    writer->gif = NULL;
    return EGifCloseFile(gif, &writer->error) != GIF_ERROR;
}

const uint8_t *cgif_bytes(const cgif_writer *writer) { return writer->bytes; }

size_t cgif_size(const cgif_writer *writer) { return writer->size; }

const char *cgif_message(const cgif_writer *writer) {
    const char *message = GifErrorString(writer->error);
    return message ? message : "unknown error";
}

void cgif_writer_free(cgif_writer *writer) {
    int ignored;  // The bytes are thrown away with the writer.
    if (writer->gif) EGifCloseFile(writer->gif, &ignored);
    free(writer->line);
    free(writer->bytes);
    free(writer);
}

// MARK: Reading

struct cgif_reader {
    GifFileType *gif;
    const uint8_t *data;
    size_t size;
    size_t offset;
    int error;
    int transparent;
};

static int read_bytes(GifFileType *gif, GifByteType *out, int count) {
    cgif_reader *reader = gif->UserData;
    const size_t left = reader->size - reader->offset;
    const size_t taken = (size_t)count < left ? (size_t)count : left;
    memcpy(out, reader->data + reader->offset, taken);
    reader->offset += taken;
    return (int)taken;
}

cgif_reader *cgif_reader_new(const uint8_t *data, size_t size) {
    cgif_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->data = data;
    reader->size = size;
    reader->transparent = NO_TRANSPARENT_COLOR;
    reader->gif = DGifOpen(reader, read_bytes, &reader->error);
    return reader;
}

/// Reads the extensions before the next picture and its descriptor: 1; 0 at the end of the file; -1 where it is
/// damaged.
static int next_picture(cgif_reader *reader) {
    GifFileType *gif = reader->gif;
    GifRecordType record;
    while (DGifGetRecordType(gif, &record) == GIF_OK) {
        if (record == TERMINATE_RECORD_TYPE) return 0;
        if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK ? 1 : -1;
        int code;
        GifByteType *extension;
        if (DGifGetExtension(gif, &code, &extension) != GIF_OK) return -1;
        while (extension) {
            GraphicsControlBlock control;
            if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(extension[0], extension + 1, &control) == GIF_OK)
                reader->transparent = control.TransparentColor;
            if (DGifGetExtensionNext(gif, &extension) != GIF_OK) return -1;
        }
    }
    return -1;
}

bool cgif_read_header(cgif_reader *reader, int *width, int *height) {
    GifFileType *gif = reader->gif;
    if (!gif || next_picture(reader) != 1) return false;
    const GifImageDesc picture = gif->Image;
    const int right = picture.Left + picture.Width, bottom = picture.Top + picture.Height;
    *width = right > gif->SWidth ? right : gif->SWidth;
    *height = bottom > gif->SHeight ? bottom : gif->SHeight;
    return picture.Width > 0 && picture.Height > 0;
}

bool cgif_read_pixels(cgif_reader *reader, int width, uint8_t *pixels, int *more) {
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    GifFileType *gif = reader->gif;
    const GifImageDesc picture = gif->Image;
    const ColorMapObject *map = picture.ColorMap ? picture.ColorMap : gif->SColorMap;
    GifPixelType *line = map ? malloc((size_t)picture.Width) : NULL;
    bool decoded = line != NULL;
    for (int pass = picture.Interlace ? 0 : 3; decoded && pass < 4; pass++) {
        const int begin = picture.Interlace ? first[pass] : 0, jump = picture.Interlace ? step[pass] : 1;
        for (int y = begin; decoded && y < picture.Height; y += jump) {
            decoded = DGifGetLine(gif, line, picture.Width) == GIF_OK;
            uint8_t *out = pixels + 4 * ((size_t)(picture.Top + y) * (size_t)width + (size_t)picture.Left);
            for (int x = 0; decoded && x < picture.Width; x++, out += 4) {
                if (line[x] == reader->transparent || line[x] >= map->ColorCount) continue;
                const GifColorType colour = map->Colors[line[x]];
                out[0] = colour.Red, out[1] = colour.Green, out[2] = colour.Blue, out[3] = 255;
            }
        }
    }
    free(line);
    if (decoded) *more = next_picture(reader);
    return decoded;
}

const char *cgif_reader_message(const cgif_reader *reader) {
    const char *message = GifErrorString(reader->gif ? reader->gif->Error : reader->error);
    return message ? message : "it has no colours";
}

void cgif_reader_free(cgif_reader *reader) {
    int ignored;  // Nothing was written.
    if (reader->gif) DGifCloseFile(reader->gif, &ignored);
    free(reader);
}
