/* Replaces the clocks of a process, so that two of them can be run through the same history.
 *
 * The file that COMPARE_CLOCK names holds three 64-bit numbers:
 * 0. the time of day in nanoseconds, which stands still until the driver changes it;
 * 1. the nanoseconds by which the monotonic clock is ahead of the machine's. This clock runs,
 *    because sleeping must end;
 * 2. the milliseconds for which the process waits for events at present, -1 for ever, 0 if it does
 *    not wait. So the driver sees that the process sleeps and for how long. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NANOS 1000000000LL

static volatile int64_t *clocks;

__attribute__((constructor)) static void open_clocks(void) {
    const char *path = getenv("COMPARE_CLOCK");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = mmap(NULL, 24, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
    close(file);
    clocks = mapped;
}

static struct timespec from_nanos(int64_t nanos) {
    struct timespec time = {.tv_sec = nanos / NANOS, .tv_nsec = nanos % NANOS};
    return time;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clocks && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        *time = from_nanos(clocks[0]);
        return 0;
    }
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    int is_monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
                       clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
    if (clocks && result == 0 && is_monotonic)
        *time = from_nanos(time->tv_sec * NANOS + time->tv_nsec + clocks[1]);
    return result;
}

/* Threads wait until a moment of the replaced monotonic clock, which the kernel does not know. Without
 * this, threads that are idle would never end. */
long syscall(long number, ...) {
    static long (*next)(long, ...);
    if (!next)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    long part[6];
    va_list parts;
    va_start(parts, number);
    for (int at = 0; at < 6; at++)
        part[at] = va_arg(parts, long);
    va_end(parts);
    struct timespec until;
    int wait = FUTEX_WAIT_BITSET;
    if (clocks && number == SYS_futex && (part[1] & ~FUTEX_PRIVATE_FLAG) == wait && part[3]) {
        const struct timespec *asked = (const struct timespec *)part[3];
        int64_t nanos = asked->tv_sec * NANOS + asked->tv_nsec - clocks[1];
        until = from_nanos(nanos > 0 ? nanos : 0);
        part[3] = (long)&until;
    }
    return next(number, part[0], part[1], part[2], part[3], part[4], part[5]);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *time) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (time)
        *time = now.tv_sec;
    return now.tv_sec;
}

int epoll_wait(int queue, struct epoll_event *events, int size, int timeout) {
    clocks[2] = timeout;
    int result = epoll_pwait(queue, events, size, timeout, NULL);
    clocks[2] = 0;
    return result;
}
