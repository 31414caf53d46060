// What the thread sanitizer must be told of Swift's libraries, which are not instrumented: it would take what they order
// for races. `deploy/test --threads` links this into the program that it tests.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

// --- Mutex ------------------------------------------------------------------------------------------------------------
// The fast paths are inlined into instrumented code; who has to wait goes through these three functions.

#define SELF __attribute__((swift_context)) void *mutex
#define NAME(name) "$s15Synchronization12_MutexHandleV" name

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) __asm__(NAME("9_lockSlowyys6UInt32VF"));
__attribute__((swiftcall)) bool try_lock_slow(SELF) __asm__(NAME("12_tryLockSlowSbyF"));
__attribute__((swiftcall)) void unlock_slow(SELF) __asm__(NAME("11_unlockSlowyyF"));

static void *real(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) abort();
    return function;
}

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
    static __attribute__((swiftcall)) void (*function)(uint32_t, SELF);
    if (!function) function = real(NAME("9_lockSlowyys6UInt32VF"));
    function(thread, mutex);
    __tsan_acquire(mutex);
}

__attribute__((swiftcall)) bool try_lock_slow(SELF) {
    static __attribute__((swiftcall)) bool (*function)(SELF);
    if (!function) function = real(NAME("12_tryLockSlowSbyF"));
    bool result = function(mutex);
    if (result) __tsan_acquire(mutex);
    return result;
}

__attribute__((swiftcall)) void unlock_slow(SELF) {
    static __attribute__((swiftcall)) void (*function)(SELF);
    if (!function) function = real(NAME("11_unlockSlowyyF"));
    __tsan_release(mutex);
    function(mutex);
}

// --- Continuations ----------------------------------------------------------------------------------------------------
// The runtime releases a task where it is resumed and acquires it where it runs again, but not where it never stopped
// since it had been resumed before it came to wait: it goes on at once then, on the same thread, through the context's
// `resume_parent`. The first fields are those of AsyncContext and ContinuationAsyncContext in Swift's ABI/Task.h.

#define CONTEXT __attribute__((swift_async_context)) struct continuation *continuation

struct continuation;
typedef __attribute__((swiftasynccall)) void resume_function(CONTEXT);

struct continuation {
    struct continuation *parent;
    resume_function *resume_parent;
    uintptr_t flags;
};

// The task goes on elsewhere, as a new job, in any case: so it is acquired.
enum { SWITCHES_EXECUTOR = 1 << 1 };

__attribute__((swiftcall)) void *swift_task_getCurrent(void);

static __thread resume_function *resumption;

static __attribute__((swiftasynccall)) void acquire_and_resume(CONTEXT) {
    __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return resumption(continuation);
}

__attribute__((swiftasynccall)) void swift_continuation_await(struct continuation *continuation) {
    static __attribute__((swiftasynccall)) void (*function)(struct continuation *);
    if (!function) function = real("swift_continuation_await");
    if (!(continuation->flags & SWITCHES_EXECUTOR)) {
        resumption = continuation->resume_parent;
        continuation->resume_parent = acquire_and_resume;
    }
    __attribute__((musttail)) return function(continuation);
}
