#include "CLCMS.h"

#include <lcms2.h>
#include <stdlib.h>
#include <string.h>

/// Grey with the tone curve of sRGB.
static cmsHPROFILE grey_srgb(void) {
    cmsFloat64Number parameters[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
    cmsToneCurve *curve = cmsBuildParametricToneCurve(NULL, 4, parameters);
    cmsHPROFILE profile = curve ? cmsCreateGrayProfile(cmsD50_xyY(), curve) : NULL;
    if (curve) cmsFreeToneCurve(curve);
    return profile;
}

/// Whether no colour of a grid moves by more than one of 255 levels.
static int is_identity(cmsHTRANSFORM transform, int colours) {
    enum { STEPS = 9, LEVEL = 257 };
    cmsUInt16Number in[3], out[3];
    const int count = colours == 1 ? STEPS : STEPS * STEPS * STEPS;
    for (int index = 0; index < count; index++) {
        const int place[3] = {index % STEPS, index / STEPS % STEPS, index / (STEPS * STEPS)};
        for (int colour = 0; colour < colours; colour++) in[colour] = (cmsUInt16Number)(place[colour] * 65535 / (STEPS - 1));
        cmsDoTransform(transform, in, out, 1);
        for (int colour = 0; colour < colours; colour++) {
            if (abs((int)in[colour] - (int)out[colour]) > LEVEL) return 0;
        }
    }
    return 1;
}

clcms_status clcms_to_srgb(const uint8_t *profile, size_t size, const void *pixels, void *converted, size_t count, int channels,
                           int bytes_per_sample) {
    const int colours = channels < 3 ? 1 : 3, alpha = channels - colours;
    const cmsUInt32Number space = colours == 1 ? PT_GRAY : PT_RGB;
    const cmsUInt32Number deep = COLORSPACE_SH(space) | CHANNELS_SH((cmsUInt32Number)colours) | BYTES_SH(2);
    const cmsUInt32Number format = COLORSPACE_SH(space) | CHANNELS_SH((cmsUInt32Number)colours) | EXTRA_SH((cmsUInt32Number)alpha) |
                                   BYTES_SH((cmsUInt32Number)bytes_per_sample);
    clcms_status status = CLCMS_UNFIT;
    cmsHPROFILE from = cmsOpenProfileFromMem(profile, (cmsUInt32Number)size);
    cmsHPROFILE to = colours == 1 ? grey_srgb() : cmsCreate_sRGBProfile();
    cmsHTRANSFORM probe = NULL, transform = NULL;
    if (from && to && cmsGetColorSpace(from) == (colours == 1 ? cmsSigGrayData : cmsSigRgbData)) {
        probe = cmsCreateTransform(from, deep, to, deep, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE);
        transform = cmsCreateTransform(from, format, to, format, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE | cmsFLAGS_COPY_ALPHA);
    }
    if (probe && transform) {
        status = is_identity(probe, colours) ? CLCMS_IS_SRGB : CLCMS_CONVERTED;
        const size_t pixel = (size_t)channels * (size_t)bytes_per_sample;
        // The library counts in 32 bits.
        for (size_t first = 0; status == CLCMS_CONVERTED && first < count; first += 1 << 20) {
            const size_t part = count - first < 1 << 20 ? count - first : 1 << 20;
            cmsDoTransform(transform, (const uint8_t *)pixels + first * pixel, (uint8_t *)converted + first * pixel,
                           (cmsUInt32Number)part);
        }
    }
    if (probe) cmsDeleteTransform(probe);
    if (transform) cmsDeleteTransform(transform);
    if (from) cmsCloseProfile(from);
    if (to) cmsCloseProfile(to);
    return status;
}

clcms_status clcms_ink_to_srgb(const uint8_t *profile, size_t size, const uint8_t *ink, uint8_t *rgb, size_t count) {
    clcms_status status = CLCMS_UNFIT;
    cmsHPROFILE from = cmsOpenProfileFromMem(profile, (cmsUInt32Number)size);
    cmsHPROFILE to = cmsCreate_sRGBProfile();
    cmsHTRANSFORM transform = NULL;
    if (from && to && cmsGetColorSpace(from) == cmsSigCmykData)
        transform = cmsCreateTransform(from, TYPE_CMYK_8_REV, to, TYPE_RGB_8, INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE);
    if (transform) {
        status = CLCMS_CONVERTED;
        for (size_t first = 0; first < count; first += 1 << 20) {
            const size_t part = count - first < 1 << 20 ? count - first : 1 << 20;
            cmsDoTransform(transform, ink + first * 4, rgb + first * 3, (cmsUInt32Number)part);
        }
        cmsDeleteTransform(transform);
    }
    if (from) cmsCloseProfile(from);
    if (to) cmsCloseProfile(to);
    return status;
}
