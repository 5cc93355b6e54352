// SPDX-License-Identifier: Apache-2.0
#include "testbenches/software/isolated.h"

#include "testbenches/process/interruption.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace iommulab::software {
namespace {

[[noreturn]] void child(const std::function<std::string()>& job, int out, unsigned limit_s, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) // it ended before it could be told of
        ::_exit(1);
    // a terminal interrupts all its processes; the parent ends its children when it has heard of it
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(limit_s);
    std::string text(1, '+');
    try {
        text += job();
    } catch (const std::exception& e) {
        text.assign(1, '-').append(e.what());
    }
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::write(out, text.data() + sent, text.size() - sent);
        if (n < 0 && errno != EINTR)
            ::_exit(1);
        sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    }
    ::_exit(0); // no destructors of the parent's objects, no second flush of its streams
}

/// An interruption just before the wait is seen after it.
constexpr int longest_wait_ms = 200;

struct running {
    std::size_t job;
    pid_t process;
    std::string text;
};

isolated_result outcome(const running& r, unsigned limit_s) {
    int status = 0;
    while (::waitpid(r.process, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status))
        return {{},
                WTERMSIG(status) == SIGALRM ? "not done after " + std::to_string(limit_s) + " s"
                                            : std::string("ended by a signal: ") + ::strsignal(WTERMSIG(status))};
    if (r.text.empty() || WEXITSTATUS(status) != 0)
        return {{}, "ended without a result"};
    return r.text[0] == '+' ? isolated_result{r.text.substr(1), {}} : isolated_result{{}, r.text.substr(1)};
}

class pool {
  public:
    explicit pool(unsigned limit_s) : limit_s_(limit_s) {}
    ~pool() { // something was thrown: nobody wants the rest
        for (const auto& [fd, r] : running_) {
            ::close(fd);
            ::kill(r.process, SIGKILL);
            ::waitpid(r.process, nullptr, 0);
        }
    }
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;

    [[nodiscard]] std::size_t size() const { return running_.size(); }
    void start(std::size_t job, const std::function<std::string()>& what) {
        int ends[2];
        if (::pipe(ends) != 0)
            throw std::system_error(errno, std::generic_category(), "a pipe to a process");
        std::cout.flush();
        std::fflush(nullptr);
        const pid_t parent = ::getpid(), process = ::fork();
        if (process == 0) {
            ::close(ends[0]);
            child(what, ends[1], limit_s_, parent);
        }
        const int why = errno;
        ::close(ends[1]);
        if (process < 0) {
            ::close(ends[0]);
            throw std::system_error(why, std::generic_category(), "a process of its own");
        }
        running_[ends[0]] = {job, process, {}};
    }
    /// Waits for a word of any of them.
    void take(std::vector<isolated_result>& results, std::size_t& done) {
        std::vector<pollfd> waits;
        for (const auto& [fd, r] : running_)
            waits.push_back({fd, POLLIN, 0});
        if (::poll(waits.data(), waits.size(), longest_wait_ms) < 0)
            return;
        for (const pollfd& w : waits) {
            if (w.revents == 0)
                continue;
            char bytes[65536];
            const ssize_t n = ::read(w.fd, bytes, sizeof bytes);
            running& r = running_.at(w.fd);
            if (n > 0) {
                r.text.append(bytes, static_cast<std::size_t>(n));
            } else if (n == 0 || errno != EINTR) {
                ::close(w.fd);
                const running ended = std::move(r);
                running_.erase(w.fd);
                results[ended.job] = outcome(ended, limit_s_);
                ++done;
            }
        }
    }

  private:
    std::map<int, running> running_; // by the end of the pipe
    unsigned limit_s_;
};

} // namespace

std::vector<isolated_result> run_isolated(const std::vector<std::function<std::string()>>& jobs,
                                          const std::function<void(std::size_t)>& progress, unsigned limit_s) {
    std::vector<isolated_result> results(jobs.size(), {{}, interrupted_job});
    const std::size_t most = std::max(1U, std::thread::hardware_concurrency());
    pool p(limit_s);
    std::size_t next = 0, done = 0;
    while (done < jobs.size() && !process::interrupted()) {
        for (; next < jobs.size() && p.size() < most; ++next)
            p.start(next, jobs[next]);
        p.take(results, done);
        if (progress)
            progress(done);
    }
    return results;
}

} // namespace iommulab::software
