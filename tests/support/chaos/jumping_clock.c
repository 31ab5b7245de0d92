/* Adds seconds from a shared file to the calendar of each of our programs, so that their clocks can be set while
   they run. The file is mapped when the program starts: libfaketime would open it again and again, which the cage
   forbids. The monotonic clock stays as it is. Slots: API, operator, worker. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *const programs[] = {"imagejobs_api", "imagejobs_operator", "imagejobs_worker"};
static volatile const int64_t *added;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void map_file(void) {
    char line[4096];
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("JUMPING_CLOCK");
    int arguments = open("/proc/self/cmdline", O_RDONLY), file = path ? open(path, O_RDONLY) : -1;
    ssize_t length = arguments < 0 ? 0 : read(arguments, line, sizeof line);
    if (file >= 0 && length > 0) {
        void *slots = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
        for (int number = 0; number < 3 && slots != MAP_FAILED; number++)
            if (memmem(line, (size_t)length, programs[number], strlen(programs[number]))) {
                added = (const int64_t *)slots + number;
                break;
            }
    }
    if (arguments >= 0) close(arguments);
    if (file >= 0) close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = real_clock_gettime(clock, now);
    if (!failed && added && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *added;
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise)) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return (time_t)-1;
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
