// SPDX-License-Identifier: Apache-2.0
// The coroutine in which an IOMMU says what it does, without saying when.
#pragma once

#include "models/core/frame_pool.h"

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace iommulab {

template <class T>
class walk;

namespace detail {

struct walk_promise_base {
    std::coroutine_handle<> continuation;
    /// Called when an outermost walk ends; null for one that another walk awaits.
    void (*finished)(void* owner) = nullptr;
    void* owner = nullptr;

    static void* operator new(std::size_t bytes) { return frame_pool::allocate(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept { frame_pool::release(frame, bytes); }

    std::suspend_always initial_suspend() noexcept { return {}; }
    struct final_awaiter {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
            walk_promise_base& p = self.promise();
            if (p.continuation)
                return p.continuation;
            if (p.finished)
                p.finished(p.owner); // may destroy the frame
            return std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    final_awaiter final_suspend() noexcept { return {}; }
    /// Walks are told of trouble by values. An exception is a defect of the program.
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct walk_promise : walk_promise_base {
    std::optional<T> value;
    walk<T> get_return_object();
    template <class U>
    void return_value(U&& v) {
        value.emplace(std::forward<U>(v));
    }
    T& result() { return *value; }
};

template <>
struct walk_promise<void> : walk_promise_base {
    walk<void> get_return_object();
    void return_void() {}
    void result() {}
};

} // namespace detail

/// A lazy coroutine. Awaited by another walk it runs as part of it; started from outside with start() it runs until its
/// first suspension, and calls `finished` at its end. Destroying it destroys a suspended frame. What had nothing to
/// wait for may come as an ended walk: a value without a frame.
template <class T>
class [[nodiscard]] walk {
    static constexpr bool may_be_ended = std::is_same_v<T, bool>;
    struct nothing {};
    using value_without_frame = std::conditional_t<may_be_ended, bool, nothing>;

  public:
    using promise_type = detail::walk_promise<T>;

    walk() = default;
    explicit walk(std::coroutine_handle<promise_type> h) : handle_(h) {}
    walk(walk&& other) noexcept : handle_(std::exchange(other.handle_, {})), value_(other.value_) {}
    walk& operator=(walk&& other) noexcept {
        if (this != &other) {
            destroy();
            handle_ = std::exchange(other.handle_, {});
            value_ = other.value_;
        }
        return *this;
    }
    walk(const walk&) = delete;
    walk& operator=(const walk&) = delete;
    ~walk() { destroy(); }

    /// The walk that has ended with `value`.
    static walk ended(bool value) requires may_be_ended {
        walk w;
        w.value_ = value;
        return w;
    }

    /// Runs the walk until it suspends or ends; `finished(owner)` is called at its end, possibly before start returns.
    void start(void (*finished)(void*) = nullptr, void* owner = nullptr) {
        if constexpr (may_be_ended)
            if (!handle_) {
                if (finished)
                    finished(owner);
                return;
            }
        handle_.promise().finished = finished;
        handle_.promise().owner = owner;
        handle_.resume();
    }
    [[nodiscard]] bool done() const { return !handle_ || handle_.done(); }
    /// The value of a walk that is done.
    decltype(auto) result() {
        if constexpr (may_be_ended)
            return handle_ ? handle_.promise().result() : value_;
        else
            return handle_.promise().result();
    }

    struct awaiter {
        std::coroutine_handle<promise_type> callee;
        value_without_frame value;
        bool await_ready() noexcept { return may_be_ended && !callee; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
            callee.promise().continuation = caller;
            return callee;
        }
        T await_resume() {
            if constexpr (may_be_ended)
                return callee ? callee.promise().result() : value;
            else if constexpr (!std::is_void_v<T>)
                return std::move(callee.promise().result());
        }
    };
    awaiter operator co_await() & noexcept { return awaiter{handle_, value_}; }
    awaiter operator co_await() && noexcept { return awaiter{handle_, value_}; }

  private:
    void destroy() {
        if (handle_)
            std::exchange(handle_, {}).destroy();
    }
    std::coroutine_handle<promise_type> handle_;
    [[no_unique_address]] value_without_frame value_{};
};

template <class T>
walk<T> detail::walk_promise<T>::get_return_object() {
    return walk<T>(std::coroutine_handle<walk_promise<T>>::from_promise(*this));
}
inline walk<void> detail::walk_promise<void>::get_return_object() {
    return walk<void>(std::coroutine_handle<walk_promise<void>>::from_promise(*this));
}

} // namespace iommulab
