// An upstream for benchmarks: an OpenAI-compatible chat-completions server that streams "word " as often, and at the
// pace, that the last user message asks for. One thread, one epoll, no allocation for a token.
//
//     upstream [--port N]      listens on 127.0.0.1 (0: a free port) and prints "listening on PORT"
//
// The last "!tokens N MS" in a request's body says what to stream (20 tokens, 0 ms apart, without it); "!stamps N MS" the
// same with the CLOCK_MONOTONIC nanoseconds of its sending as the text of each token. At SIGUSR1 and SIGTERM it prints its
// figures as JSON. Not a general server: it understands what the gateway sends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 1 << 20, PIECE = 1024 };

typedef struct stream {
    int descriptor;
    // The request so far; kept only while one is being read.
    char *request;
    size_t size;
    // What is left to stream, and how.
    long left;
    uint64_t pace, due;
    int stamps;
    // What the kernel did not take of the last piece.
    char rest[PIECE];
    int rest_size;
    // The place in the queue of those that wait for their next token; all of one pace are in order.
    struct stream *next;
    int queued, dead;
} stream;

// Streams of one pace are due in the order in which they were served, so a queue for each pace needs no heap.
typedef struct {
    uint64_t pace;
    stream *first, *last;
} line;

static line lines[16];
static int line_count;
static int epoll;
static volatile sig_atomic_t ended, asked;
static long requests, tokens, running, peak, broken;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

#define COMMON                                                                                                          \
    "\"id\":\"chatcmpl-bench0000000000000000000\",\"object\":\"chat.completion.chunk\",\"created\":1795262400,"        \
    "\"model\":\"bench-1\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0000000000\","

static int chunk(char *out, const char *data) {
    return sprintf(out, "%zx\r\n%s\r\n", strlen(data), data);
}

static int token_piece(char *out, const char *text) {
    char data[PIECE / 2];
    sprintf(data,
            "data: {" COMMON "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
            "\"finish_reason\":null}]}\n\n",
            text);
    return chunk(out, data);
}

static char word[PIECE];
static int word_size;
static char head[2 * PIECE];
static int head_size;
static char tail[2 * PIECE];
static int tail_size;

static void prepare(void) {
    word_size = token_piece(word, "word ");
    head_size = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n");
    head_size += chunk(head + head_size,
                       "data: {" COMMON "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                       "\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    tail_size = chunk(tail, "data: {" COMMON "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
                            "\"finish_reason\":\"stop\"}]}\n\n");
    tail_size += chunk(tail + tail_size, "data: {" COMMON "\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
                                         "\"completion_tokens\":20,\"total_tokens\":30}}\n\n");
    tail_size += chunk(tail + tail_size, "data: [DONE]\n\n");
    tail_size += sprintf(tail + tail_size, "0\r\n\r\n");
}

static void end_run(stream *s) {
    if (s->pace != UINT64_MAX) {
        s->pace = UINT64_MAX;
        running--;
    }
}

static void destroy(stream *s) {
    end_run(s);
    if (s->descriptor >= 0) close(s->descriptor);
    s->descriptor = -1;
    free(s->request);
    s->request = NULL;
    if (s->queued) s->dead = 1;
    else free(s);
}

// Sends, and keeps what the kernel did not take. 0: the peer has gone.
static int put(stream *s, const char *bytes, int size) {
    ssize_t sent = send(s->descriptor, bytes, (size_t)size, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) return 0;
        sent = 0;
    }
    if (sent < size) {
        if (size - sent > PIECE) return 0;
        s->rest_size = size - (int)sent;
        memcpy(s->rest, bytes + sent, (size_t)s->rest_size);
    }
    return 1;
}

static void enqueue(stream *s) {
    int i = 0;
    while (i < line_count && lines[i].pace != s->pace) i++;
    if (i == line_count) {
        // A pace too many joins the last line, a little late or early.
        if (line_count < 16) lines[line_count++].pace = s->pace;
        else i = 15;
    }
    s->next = NULL;
    s->queued = 1;
    if (lines[i].last) lines[i].last->next = s;
    else lines[i].first = s;
    lines[i].last = s;
}

// One turn of a stream: what was left over, or a token, or the end. 0: the peer has gone.
static int serve(stream *s) {
    if (s->rest_size) {
        char rest[PIECE];
        int size = s->rest_size;
        memcpy(rest, s->rest, (size_t)size);
        s->rest_size = 0;
        if (!put(s, rest, size)) return 0;
        if (s->rest_size) return 1;
        if (s->left < 0) return 1;
    }
    if (s->left > 0) {
        s->left--;
        tokens++;
        if (s->stamps) {
            char text[32], piece[PIECE];
            sprintf(text, "%020llu ", (unsigned long long)now());
            if (!put(s, piece, token_piece(piece, text))) return 0;
        } else if (!put(s, word, word_size)) {
            return 0;
        }
        if (s->left > 0 || s->rest_size) return 1;
    }
    s->left = -1;
    return put(s, tail, tail_size);
}

static int is_over(stream *s) { return s->left < 0 && !s->rest_size; }

static void begin(stream *s) {
    char *body = s->request, *found = NULL;
    for (char *p = body; (p = strstr(p, "!tokens ")) || (p = NULL); p++) found = p;
    for (char *p = found ? found : body; (p = strstr(p, "!stamps ")) || (p = NULL); p++) found = p;
    long count = 20, pace = 0;
    s->stamps = found && found[1] == 's';
    if (found) sscanf(found + 8, "%ld %ld", &count, &pace);
    requests++;
    running++;
    if (running > peak) peak = running;
    s->left = count < 0 ? 0 : count;
    s->pace = (uint64_t)pace * 1000000u;
    free(s->request);
    s->request = NULL;
    s->size = 0;
    // Head and first token leave together, as from a model that has thought about it.
    char first[3 * PIECE];
    int size = head_size;
    memcpy(first, head, (size_t)head_size);
    if (s->left > 0) {
        s->left--;
        tokens++;
        if (s->stamps) {
            char text[32];
            sprintf(text, "%020llu ", (unsigned long long)now());
            size += token_piece(first + size, text);
        } else {
            memcpy(first + size, word, (size_t)word_size);
            size += word_size;
        }
    }
    if (!put(s, first, size)) {
        broken++;
        destroy(s);
        return;
    }
    s->due = now() + s->pace;
    enqueue(s);
}

static void receive(stream *s) {
    char buffer[65536];
    ssize_t size = recv(s->descriptor, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0 || s->pace != UINT64_MAX) {
        // Gone, in the middle of a stream perhaps; or it talks out of turn.
        if (s->pace != UINT64_MAX) broken++;
        destroy(s);
        return;
    }
    if (!s->request) s->request = malloc(REQUEST + 1);
    if (!s->request || s->size + (size_t)size > REQUEST) {
        destroy(s);
        return;
    }
    memcpy(s->request + s->size, buffer, (size_t)size);
    s->size += (size_t)size;
    s->request[s->size] = 0;
    char *end = strstr(s->request, "\r\n\r\n");
    if (!end) return;
    char *length = strcasestr(s->request, "content-length:");
    size_t body = length && length < end ? (size_t)atol(length + 15) : 0;
    if (s->size < (size_t)(end + 4 - s->request) + body) return;
    begin(s);
}

static void accept_all(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        int one = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        stream *s = calloc(1, sizeof *s);
        s->descriptor = descriptor;
        s->pace = UINT64_MAX;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    }
}

// Serves those whose time has come; returns milliseconds until the next.
static int turn(void) {
    uint64_t time = now(), next = UINT64_MAX;
    for (int i = 0; i < line_count; i++) {
        stream *s;
        // One with no pace takes all it has in turns with the others, not at once.
        for (int budget = 20000; budget && (s = lines[i].first) && (s->dead || s->due <= time); budget--) {
            lines[i].first = s->next;
            if (!s->next) lines[i].last = NULL;
            s->queued = 0;
            if (s->dead) {
                free(s);
                continue;
            }
            if (!serve(s)) {
                broken++;
                destroy(s);
                continue;
            }
            if (is_over(s)) {
                end_run(s);
                continue;
            }
            // A peer that takes nothing is asked again a millisecond later; otherwise the pace is kept, not stretched.
            s->due = s->rest_size ? time + 1000000u : s->due + s->pace;
            enqueue(s);
        }
        if (lines[i].first && lines[i].first->due < next) next = lines[i].first->due;
    }
    if (next == UINT64_MAX) return -1;
    return next <= time ? 0 : (int)((next - time + 999999u) / 1000000u);
}

static void stop(int number) {
    if (number == SIGUSR1) asked = 1;
    else ended = 1;
}

static void tell(void) {
    printf("{\"requests\": %ld, \"tokens\": %ld, \"peakStreams\": %ld, \"runningStreams\": %ld, \"brokenStreams\": %ld}\n",
           requests, tokens, peak, running, broken);
    fflush(stdout);
}

int main(int count, char **arguments) {
    int port = count > 2 && !strcmp(arguments[1], "--port") ? atoi(arguments[2]) : 0;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    prepare();
    for (int i = 0; i < 16; i++) lines[i].pace = UINT64_MAX;

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 8192)) {
        perror("upstream");
        return 69;
    }
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    while (!ended) {
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, turn());
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr) receive(events[i].data.ptr);
            else accept_all(listener);
        }
        if (asked) {
            asked = 0;
            tell();
        }
    }
    tell();
    return 0;
}
