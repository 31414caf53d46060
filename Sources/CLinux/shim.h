// What the Glibc module map leaves out: epoll, accept4, eventfd, and descriptors that travel over a local socket, as
// static inline calls. Nothing else.
#ifndef PARLEY_CLINUX_SHIM_H
#define PARLEY_CLINUX_SHIM_H

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

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

// A name in the abstract namespace: it is no file, and free again when the last socket that has it is closed. Returns the
// address's length, 0 for a name that is too long.
static inline socklen_t parley_abstract_address(struct sockaddr_un *address, const char *name, size_t length) {
    if (length + 1 > sizeof(address->sun_path)) return 0;
    __builtin_memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    __builtin_memcpy(address->sun_path + 1, name, length);
    return (socklen_t)(__builtin_offsetof(struct sockaddr_un, sun_path) + 1 + length);
}

static inline int parley_bind_abstract(int socket, const char *name, size_t length) {
    struct sockaddr_un address;
    socklen_t size = parley_abstract_address(&address, name, length);
    if (size == 0) { errno = EINVAL; return -1; }
    return bind(socket, (struct sockaddr *)&address, size);
}

static inline int parley_connect_abstract(int socket, const char *name, size_t length) {
    struct sockaddr_un address;
    socklen_t size = parley_abstract_address(&address, name, length);
    if (size == 0) { errno = EINVAL; return -1; }
    return connect(socket, (struct sockaddr *)&address, size);
}

// The user that the other end of a local socket ran as when it connected or listened; -1 where that can't be had.
static inline long parley_peer_user(int socket) {
    // <sys/socket.h> declares struct ucred for _GNU_SOURCE only.
    struct { pid_t process; uid_t user; gid_t group; } peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof(peer)) return -1;
    return (long)peer.user;
}

typedef union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
} parley_control;

// One packet, with a descriptor where that is not negative.
static inline ssize_t parley_send_packet(int socket, const void *bytes, size_t count, int descriptor) {
    struct iovec part = {(void *)bytes, count};
    parley_control control;
    struct msghdr message;
    __builtin_memset(&message, 0, sizeof(message));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
        __builtin_memset(&control, 0, sizeof(control));
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        __builtin_memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

// One packet and the descriptor that came with it, or -1. More than one descriptor has no room and is not made.
static inline ssize_t parley_receive_packet(int socket, void *bytes, size_t capacity, int *descriptor) {
    struct iovec part = {bytes, capacity};
    parley_control control;
    struct msghdr message;
    __builtin_memset(&message, 0, sizeof(message));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.space;
    message.msg_controllen = sizeof(control.space);
    *descriptor = -1;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0) return received;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        __builtin_memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    return received;
}

enum {
    PARLEY_EPOLLIN = EPOLLIN,
    PARLEY_EPOLLOUT = EPOLLOUT,
    PARLEY_EPOLLERR = EPOLLERR,
    PARLEY_EPOLLHUP = EPOLLHUP,
    PARLEY_EPOLLRDHUP = EPOLLRDHUP,
};

#endif
