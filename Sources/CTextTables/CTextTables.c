#include "CTextTables.h"

// #embed is of C23; clang has it in all modes of C.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const char clip_merges[] = {
#embed "clip_merges.txt" suffix(, 0)
};

static const char canonical_decompositions[] = {
#embed "canonical_decompositions.txt" suffix(, 0)
};

const char *ctext_clip_merges(void) { return clip_merges; }

const char *ctext_canonical_decompositions(void) { return canonical_decompositions; }
