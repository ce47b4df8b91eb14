/// Tables that the tokenizers need, inside the program: no file has to be found where it is installed. LICENSES.md says
/// whose they are.

#ifndef CTEXTTABLES_H
#define CTEXTTABLES_H

/// The 48,894 merges of CLIP's vocabulary by rank, a line each: two symbols with a space between. UTF-8, ends with 0.
const char *ctext_clip_merges(void);

/// The canonical decompositions of Unicode 9 but for Hangul's, a line each: a character and what it decomposes to, in
/// hexadecimal digits; with "= " between where those are never composed to it again. Ends with 0.
const char *ctext_canonical_decompositions(void);

#endif
