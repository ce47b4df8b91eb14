#include "CWebP.h"

#include <string.h>
#include <webp/demux.h>

static cwebp_chunk chunk(const WebPDemuxer *demuxer, const char *name, const uint8_t *data) {
    WebPChunkIterator found;
    cwebp_chunk place = {0, 0};
    if (WebPDemuxGetChunk(demuxer, name, 1, &found)) {
        place = (cwebp_chunk){(size_t)(found.chunk.bytes - data), found.chunk.size};
        WebPDemuxReleaseChunkIterator(&found);
    }
    return place;
}

bool cwebp_read_header(const uint8_t *data, size_t size, cwebp_header *header) {
    const WebPData file = {data, size};
    WebPDemuxer *demuxer = WebPDemux(&file);
    if (!demuxer) return false;
    WebPIterator first;
    const bool found = WebPDemuxGetFrame(demuxer, 1, &first) && first.complete;
    *header = (cwebp_header){
        .width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
        .height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT),
        .frames = WebPDemuxGetI(demuxer, WEBP_FF_FRAME_COUNT),
        .profile = chunk(demuxer, "ICCP", data),
        .exif = chunk(demuxer, "EXIF", data),
        .xmp = chunk(demuxer, "XMP ", data),
    };
    if (found) {
        // A first frame that does not fill the canvas leaves the rest transparent.
        const bool fills = first.width == (int)header->width && first.height == (int)header->height;
        header->has_alpha = first.has_alpha || !fills;
        WebPDemuxReleaseIterator(&first);
    }
    WebPDemuxDelete(demuxer);
    return found;
}

bool cwebp_decode(const uint8_t *data, size_t size, uint8_t *pixels) {
    const WebPData file = {data, size};
    WebPAnimDecoderOptions options;
    if (!WebPAnimDecoderOptionsInit(&options)) return false;
    options.color_mode = MODE_RGBA;
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&file, &options);
    if (!decoder) return false;
    WebPAnimInfo canvas;
    uint8_t *frame = NULL;
    int time = 0;
    const bool decoded = WebPAnimDecoderGetInfo(decoder, &canvas) && WebPAnimDecoderGetNext(decoder, &frame, &time);
    if (decoded) memcpy(pixels, frame, (size_t)canvas.canvas_width * canvas.canvas_height * 4);
    WebPAnimDecoderDelete(decoder);
    return decoded;
}
