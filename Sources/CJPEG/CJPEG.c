#include "CJPEG.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

enum { MOST_SCANS = 500 };

typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf escape;
    cjpeg_report *report;
    /// Not even the end of the file says what is wrong: some of what follows was made up.
    bool ended;
} manager;

static void keep(j_common_ptr info, char kept[CJPEG_MESSAGE_CAPACITY]) {
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    snprintf(kept, CJPEG_MESSAGE_CAPACITY, "%s", message);
}

static void on_error(j_common_ptr info) {
    manager *errors = (manager *)info->err;
    keep(info, errors->report->damage);
    longjmp(errors->escape, 1);
}

/// Whether the warning just given says that pixels are not those that were encoded.
static bool tells_of_damage(j_common_ptr info) {
    const int marker = info->err->msg_parm.i[1];
    switch (info->err->msg_code) {
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_ARITH_BAD_CODE:
        case JWRN_MUST_RESYNC: return true;
        // Bytes that no restart interval has taken are the rest of one that went wrong; elsewhere they are padding.
        case JWRN_EXTRANEOUS_DATA: return marker >= 0xD0 && marker <= 0xD7;
        default: return false;
    }
}

static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    manager *errors = (manager *)info->err;
    errors->ended |= info->err->msg_code == JWRN_JPEG_EOF;
    char *kept = tells_of_damage(info) ? errors->report->damage : errors->report->warning;
    if (!kept[0]) keep(info, kept);
}

/// A small file must not hold a core for hours.
static void on_progress(j_common_ptr info) {
    if (((j_decompress_ptr)info)->input_scan_number <= MOST_SCANS) return;
    manager *errors = (manager *)info->err;
    snprintf(errors->report->damage, CJPEG_MESSAGE_CAPACITY, "it has more than %d scans", MOST_SCANS);
    longjmp(errors->escape, 1);
}

/// Whether a file that has no end marker has all scans of all components.
static bool is_whole(j_decompress_ptr info) {
    for (int component = 0; component < info->num_components; component++) {
        // Latched by the first scan of a component.
        if (!info->comp_info[component].quant_table) return false;
        for (int index = 0; info->progressive_mode && info->coef_bits && index < DCTSIZE2; index++) {
            if (info->coef_bits[component][index] != 0) return false;
        }
    }
    return true;
}

bool cjpeg_decode(const uint8_t *data, size_t size, int width, int height, int channels, size_t memory, uint8_t *pixels,
                  cjpeg_report *report) {
    memset(report, 0, sizeof *report);
    struct jpeg_decompress_struct info;
    manager errors = {.report = report};
    struct jpeg_progress_mgr progress = {.progress_monitor = on_progress};
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_error;
    errors.base.emit_message = on_message;
    if (setjmp(errors.escape)) {
        jpeg_destroy_decompress(&info);
        return false;
    }
    jpeg_create_decompress(&info);
    info.progress = &progress;
    info.mem->max_memory_to_use = (long)memory;
    jpeg_mem_src(&info, data, size);
    jpeg_read_header(&info, TRUE);
    info.out_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    info.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&info);
    if (info.output_width != (unsigned)width || info.output_height != (unsigned)height || info.output_components != channels) {
        snprintf(report->damage, CJPEG_MESSAGE_CAPACITY, "its size differs from what its header says");
        longjmp(errors.escape, 1);
    }
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = pixels + (size_t)info.output_scanline * width * channels;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    if (errors.ended && !report->damage[0] && !is_whole(&info)) {
        snprintf(report->damage, CJPEG_MESSAGE_CAPACITY, "the file ends before its last scan");
    }
    jpeg_destroy_decompress(&info);
    return !report->damage[0];
}
