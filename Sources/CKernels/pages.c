#define _GNU_SOURCE
#include "ck_pages.h"

#include <sys/mman.h>

size_t ck_move_pages(void *from, void *to, size_t count, size_t size) {
    for (size_t page = 0; page < count; page++) {
        char *source = (char *)from + page * size, *target = (char *)to + page * size;
        if (mremap(source, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) return page;
    }
    return count;
}
