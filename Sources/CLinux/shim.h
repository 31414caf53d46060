// What the Glibc module map leaves out: epoll, accept4 and eventfd, as static inline calls. Nothing else.
#ifndef PARLEY_CLINUX_SHIM_H
#define PARLEY_CLINUX_SHIM_H

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// <sys/socket.h> declares it for _GNU_SOURCE only, which would give this module other types than Dispatch's has.
extern int accept4(int, struct sockaddr *, socklen_t *, int);

// struct epoll_event is packed on x86-64, which Swift can't import field by field: the shim copies.
typedef struct {
    uint64_t token;
    uint32_t events;
} parley_ready;

static inline int parley_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int parley_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = token;
    return epoll_ctl(epoll, operation, descriptor, &event);
}

// Waits for at most `capacity` (256 at most) events, -1 milliseconds meaning for ever.
static inline int parley_epoll_wait(int epoll, parley_ready *ready, int capacity, int milliseconds) {
    struct epoll_event events[256];
    if (capacity > 256) capacity = 256;
    int count = epoll_wait(epoll, events, capacity, milliseconds);
    for (int i = 0; i < count; i++) {
        ready[i].token = events[i].data.u64;
        ready[i].events = events[i].events;
    }
    return count;
}

static inline int parley_accept(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int parley_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

enum {
    PARLEY_EPOLLIN = EPOLLIN,
    PARLEY_EPOLLOUT = EPOLLOUT,
    PARLEY_EPOLLERR = EPOLLERR,
    PARLEY_EPOLLHUP = EPOLLHUP,
    PARLEY_EPOLLRDHUP = EPOLLRDHUP,
};

#endif
