/* Requests at a constant rate, sent and nothing else: what a loop without recording, checks and Python does here.
 *
 * bare_arrivals PORT PER_SECOND SECONDS CORE CONNECTIONS: prints how late requests were sent, as JSON in microseconds.
 * One thread; waits in epoll for a timer or an answer; an arrival without a free connection waits for one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define TIMER UINT32_MAX
static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void watch(int poll, int descriptor, uint32_t number) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

int main(int count, char **words) {
    if (count != 6) return 4;
    double rate = atof(words[2]);
    int64_t total = rate * atof(words[3]), sent = 0, done = 0, armed = 0;
    int connections = atoi(words[5]), idle = 0, poll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int *descriptors = malloc(connections * sizeof(int)), *free_ones = malloc(connections * sizeof(int));
    int64_t *late = malloc(total * sizeof(int64_t));
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(atoi(words[4]), &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < connections; i++) {
        int on = 1;
        descriptors[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(descriptors[i], (struct sockaddr *)&server, sizeof server)) return perror("connect"), 3;
        setsockopt(descriptors[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(descriptors[i], F_SETFL, O_NONBLOCK);
        watch(poll, descriptors[i], i);
        free_ones[idle++] = i;
    }
    watch(poll, timer, TIMER);
    int64_t origin = now() + SECOND / 1000;
    while (done < total) {
        int64_t due = 0;
        while (sent < total && idle) {
            due = origin + (int64_t)(sent * (SECOND / rate));
            if (due > now()) break;
            if (write(descriptors[free_ones[--idle]], REQUEST, sizeof REQUEST - 1) != sizeof REQUEST - 1) return perror("write"), 3;
            late[sent++] = now() - due;
        }
        if (sent < total && idle && due != armed) {
            struct itimerspec at = {.it_value = {due / SECOND, due % SECOND}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
            armed = due;
        }
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 1000);
        for (int i = 0; i < ready; i++) {
            char taken[65536];
            if (events[i].data.u32 == TIMER) {
                if (read(timer, taken, 8) < 0) continue;
            } else if (read(descriptors[events[i].data.u32], taken, sizeof taken) <= 0) {
                return perror("read"), 3;
            } else {
                free_ones[idle++] = events[i].data.u32;
                done++;
            }
        }
    }
    qsort(late, total, sizeof *late, ascending);
    printf("{\"lag_p50\": %.1f, \"lag_p99\": %.1f}\n", late[total / 2] / 1e3, late[total / 100 * 99] / 1e3);
    return 0;
}
