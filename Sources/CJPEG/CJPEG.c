#include "CJPEG.h"

#include <string.h>
#include <turbojpeg.h>

static void keep_message(char *kept, tjhandle handle) {
    strncpy(kept, tjGetErrorStr2(handle), CJPEG_MESSAGE_CAPACITY - 1);
    kept[CJPEG_MESSAGE_CAPACITY - 1] = 0;
}

cjpeg_status cjpeg_decode(const uint8_t *data, size_t size, int width, int height, int channels, uint8_t *pixels,
                          char message[CJPEG_MESSAGE_CAPACITY]) {
    message[0] = 0;
    tjhandle handle = tjInitDecompress();
    if (!handle) {
        keep_message(message, NULL);
        return CJPEG_FAILED;
    }
    const int format = channels == 1 ? TJPF_GRAY : channels == 3 ? TJPF_RGB : TJPF_CMYK;
    // The accurate inverse DCT, and no more than the library's 500 scans, so that a small file cannot hold a core for hours.
    const int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;
    cjpeg_status status = CJPEG_DECODED;
    if (tjDecompress2(handle, data, size, pixels, width, width * channels, height, format, flags) != 0) {
        status = tjGetErrorCode(handle) == TJERR_WARNING ? CJPEG_DAMAGED : CJPEG_FAILED;
        keep_message(message, handle);
    }
    tjDestroy(handle);
    return status;
}
