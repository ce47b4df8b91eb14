#include "machine.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAXIMUM_THREADS = 256 };

typedef struct {
    void (*run)(void *context, int part, int parts);
    void *context;
    int part;
    int parts;
} Part;

static void *run_part(void *argument) {
    Part *part = argument;
    part->run(part->context, part->part, part->parts);
    return NULL;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/// Seconds of the fastest of `repeats` runs of all parts at once. Part 0 stays on the calling thread.
static double fastest(void (*run)(void *, int, int), void *context, int threads, int repeats) {
    if (threads > MAXIMUM_THREADS) threads = MAXIMUM_THREADS;
    double best = 0;
    for (int repeat = 0; repeat < repeats; repeat++) {
        pthread_t handles[MAXIMUM_THREADS];
        Part parts[MAXIMUM_THREADS];
        double start = now();
        int started = 1;
        for (; started < threads; started++) {
            parts[started] = (Part){run, context, started, threads};
            if (pthread_create(&handles[started], NULL, run_part, &parts[started]) != 0) break;
        }
        run(context, 0, threads);
        for (int part = 1; part < started; part++) pthread_join(handles[part], NULL);
        double seconds = now() - start;
        // With fewer threads than asked for, part of the work was left out.
        if (started == threads && (best == 0 || seconds < best)) best = seconds;
    }
    return best;
}

typedef struct {
    float *a, *b, *c;
    int size;
} Product;

static void multiply(void *context, int part, int parts) {
    const Product *p = context;
    int first = (int)((long)p->size * part / parts), last = (int)((long)p->size * (part + 1) / parts);
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, last - first, p->size, p->size, 1, p->a + (long)first * p->size,
        p->size, p->b, p->size, 0, p->c + (long)first * p->size, p->size);
}

double machine_product_rate(int threads, int size, int repeats) {
    long count = (long)size * size;
    float *memory = malloc((size_t)(3 * count) * sizeof(float));
    if (memory == NULL) return 0;
    for (long i = 0; i < 3 * count; i++) memory[i] = (float)(i % 7) - 3;
    Product product = {memory, memory + count, memory + 2 * count, size};
    double seconds = fastest(multiply, &product, threads, repeats);
    free(memory);
    return seconds > 0 ? 2.0 * (double)count * size / seconds : 0;
}

typedef struct {
    char *source, *target;
    long bytes;
} Copy;

static void copy(void *context, int part, int parts) {
    const Copy *c = context;
    long first = c->bytes / parts * part, last = part + 1 == parts ? c->bytes : c->bytes / parts * (part + 1);
    memcpy(c->target + first, c->source + first, (size_t)(last - first));
}

double machine_copy_rate(int threads, long bytes, int repeats) {
    char *memory = malloc((size_t)(2 * bytes));
    if (memory == NULL) return 0;
    memset(memory, 1, (size_t)(2 * bytes));
    Copy work = {memory, memory + bytes, bytes};
    double seconds = fastest(copy, &work, threads, repeats);
    free(memory);
    return seconds > 0 ? 2.0 * (double)bytes / seconds : 0;
}
