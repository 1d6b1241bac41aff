#include "node/cli/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include "gossip/check.h"

namespace node::cli {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using namespace std::chrono_literals;

constexpr auto kPollPeriod = 5ms;  // of wait(): waitpid has no time limit
constexpr int kCannotExecute = 127;

// An open file that closes itself.
class File {
  public:
    explicit File(const std::filesystem::path& path)
        : fd_(::open(path.empty() ? "/dev/null" : path.c_str(),
                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int fd() const { return fd_; }

  private:
    int fd_;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& additions) {
    std::vector<std::string> merged;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const bool inherited =
            !text.starts_with("HEARSAY_") && !additions.contains(text.substr(0, text.find('=')));
        if (inherited) merged.push_back(text);
    }
    for (const auto& [name, value] : additions) {
        merged.push_back(name);
        merged.back().append("=").append(value);
    }
    return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (auto& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// Runs in the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* argv, char* const* environment, int out, int err,
                         pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kCannotExecute);  // the parent died before the prctl
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &usual, nullptr);
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0) ::_exit(kCannotExecute);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execve(argv[0], argv, environment);
    ::_exit(kCannotExecute);
}

}  // namespace

Result<Child> Child::spawn(const ChildOptions& options) {
    CHECK(!options.argv.empty());
    const File out(options.out);
    const File err(options.err);
    if (out.fd() < 0 || err.fd() < 0) {
        return Error{Errc::unavailable, "cannot open the log of a child process: " +
                                            (out.fd() < 0 ? options.out : options.err).string()};
    }
    auto arguments = options.argv;
    auto environment = merged_environment(options.environment);
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become(argv.data(), envp.data(), out.fd(), err.fd(), parent);
    if (pid < 0) {
        return Error{Errc::unavailable,
                     "cannot start a process: " + std::system_category().message(errno)};
    }
    return Child(pid);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), exit_code_(std::exchange(other.exit_code_, {})) {}

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(exit_code_, other.exit_code_);
    return *this;
}

Child::~Child() {
    kill();
}

std::optional<int> Child::poll() {
    if (pid_ <= 0 || exit_code_) return exit_code_;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_code_;
}

std::optional<int> Child::wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!poll() && pid_ > 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kPollPeriod);
    }
    return exit_code_;
}

void Child::signal(int number) {
    if (running()) ::kill(pid_, number);
}

void Child::kill() {
    if (!running()) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    exit_code_ = 128 + SIGKILL;
}

std::filesystem::path own_binary() {
    return std::filesystem::read_symlink("/proc/self/exe");
}

}  // namespace node::cli
