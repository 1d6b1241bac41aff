#include "node/checks/probe.h"

#include <http_parser.h>

#include <algorithm>
#include <array>
#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "node/address.h"
#include "node/gossip_socket.h"
#include "registry/duration.h"

namespace node {
namespace {

using asio::ip::tcp;
using registry::Check;
using Outcome = Probed::Outcome;

std::string request_for(const registry::CheckTarget& target) {
    return "GET " + target.path + " HTTP/1.1\r\nHost: " + to_string({target.host, target.port}) +
           "\r\nUser-Agent: hearsay-check\r\nAccept: application/json\r\n"
           "Connection: close\r\n\r\n";
}

// The machine refuses us a socket: not the application's fault.
bool is_ours(const std::error_code& problem) {
    return problem == asio::error::no_descriptors || problem == asio::error::no_buffer_space ||
           problem == asio::error::no_memory ||
           problem == std::errc::too_many_files_open_in_system ||
           problem == std::errc::address_not_available;
}

// One answer as it arrives.
class Answer {
  public:
    Answer() {
        http_parser_init(&parser_, HTTP_RESPONSE);
        parser_.data = this;
    }
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;

    // False for what is no HTTP. No bytes: the connection has ended.
    bool take(const char* bytes, std::size_t size) {
        size_ += size;
        const std::size_t taken = http_parser_execute(&parser_, &settings(), bytes, size);
        return complete_ || (taken == size && HTTP_PARSER_ERRNO(&parser_) == HPE_OK);
    }
    [[nodiscard]] bool complete() const { return complete_; }
    [[nodiscard]] bool head_complete() const { return head_complete_; }
    [[nodiscard]] bool too_long() const { return size_ > kMaxResponse; }
    [[nodiscard]] unsigned status() const { return parser_.status_code; }
    [[nodiscard]] std::string take_body() { return std::move(body_); }

  private:
    static Answer& of(http_parser* parser) { return *static_cast<Answer*>(parser->data); }
    static const http_parser_settings& settings() {
        static const http_parser_settings kSettings = [] {
            http_parser_settings s;
            http_parser_settings_init(&s);
            s.on_headers_complete = [](http_parser* parser) {
                of(parser).head_complete_ = true;
                return 0;
            };
            s.on_body = [](http_parser* parser, const char* bytes, std::size_t size) {
                of(parser).body_.append(bytes, size);
                return 0;
            };
            s.on_message_complete = [](http_parser* parser) {
                of(parser).complete_ = true;
                return 1;  // what may follow is nobody's
            };
            return s;
        }();
        return kSettings;
    }

    http_parser parser_{};
    std::size_t size_ = 0;
    std::string body_;
    bool head_complete_ = false;
    bool complete_ = false;
};

// Keeps itself alive in its handlers, and ends with the first finish().
class Probe : public std::enable_shared_from_this<Probe> {
  public:
    Probe(asio::io_context& io, ProbeOrder order, const CheckPolicy& policy,
          std::atomic<int>& lookups, std::function<void(Probed)> done)
        : order_(std::move(order)),
          policy_(policy),
          lookups_(lookups),
          done_(std::move(done)),
          resolver_(io),
          socket_(io),
          timer_(io) {}

    void start() {
        timer_.expires_after(order_.timeout);
        timer_.async_wait([self = shared_from_this()](std::error_code problem) {
            if (!problem) self->out_of_time();
        });
        const HostPort to{order_.target.host, order_.target.port};
        if (const auto literal = literal_endpoint(to)) {
            std::error_code problem;
            const auto ip = asio::ip::make_address(to.host, problem);
            if (problem) return finish(Outcome::down, problem.message());
            endpoints_.emplace_back(ip, to.port);
            return choose();
        }
        resolving_ = true;
        ++lookups_;
        resolver_.async_resolve(
            to.host, std::to_string(to.port),
            [self = shared_from_this()](std::error_code problem,
                                        const tcp::resolver::results_type& results) {
                --self->lookups_;
                self->resolving_ = false;
                if (!self->done_) return;
                if (problem) return self->unresolved(problem);
                for (const auto& entry : results) self->endpoints_.push_back(entry.endpoint());
                self->choose();
            });
    }

  private:
    // Which of the addresses may be tried: what counts is where the connection goes, not the name.
    void choose() {
        std::erase_if(endpoints_, [this](const tcp::endpoint& to) {
            return !policy_.may_connect(to_endpoint(to.address(), to.port()));
        });
        if (endpoints_.empty()) {
            return finish(Outcome::refused,
                          "no check may go to the address of " + order_.target.host);
        }
        connect(0);
    }

    void connect(std::size_t index) {
        std::error_code problem;
        (void)socket_.close(problem);
        (void)socket_.open(endpoints_[index].protocol(), problem);
        if (problem) return connected(index, problem);
        socket_.async_connect(endpoints_[index],
                              [self = shared_from_this(), index](std::error_code result) {
                                  self->connected(index, result);
                              });
    }

    void connected(std::size_t index, std::error_code problem) {
        if (!done_) return;
        if (problem && index + 1 < endpoints_.size()) return connect(index + 1);
        if (problem) return failed(problem);
        if (order_.kind == Check::Kind::tcp) return finish(Outcome::up, {});
        request_ = request_for(order_.target);
        asio::async_write(socket_, asio::buffer(request_),
                          [self = shared_from_this()](std::error_code, std::size_t) {
                              // Whatever went wrong, reading finds it out, or an early answer.
                          });
        read();
    }

    void read() {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](std::error_code problem, std::size_t size) {
                if (self->done_) self->received(problem, size);
            });
    }

    void received(std::error_code problem, std::size_t size) {
        if (problem && problem != asio::error::eof) return failed(problem);
        if (!answer_.take(buffer_.data(), size)) return finish(Outcome::down, "no HTTP answer");
        if (answer_.complete()) return judge(true);
        if (problem) return finish(Outcome::down, "the connection ended within the answer");
        if (answer_.too_long()) {
            if (!answer_.head_complete()) return finish(Outcome::down, "the head has no end");
            return judge(false);
        }
        read();
    }

    void judge(bool whole) {
        const unsigned status = answer_.status();
        if (status < 200 || status > 299) {
            return finish(Outcome::down, "status " + std::to_string(status));
        }
        finish(Outcome::up, {}, whole ? answer_.take_body() : std::string{});
    }

    // That there is no such name is an answer; that nobody could say is none.
    void unresolved(std::error_code problem) {
        const bool no_such_name =
            problem == asio::error::host_not_found || problem == asio::error::no_data;
        finish(no_such_name ? Outcome::down : Outcome::unknown, "name: " + problem.message());
    }

    void failed(std::error_code problem) {
        finish(is_ours(problem) ? Outcome::unknown : Outcome::down, problem.message());
    }

    void out_of_time() {
        const std::string limit = registry::duration_text(order_.timeout);
        if (resolving_) return finish(Outcome::unknown, "the name was not resolved in " + limit);
        finish(Outcome::down, "no answer in " + limit);
    }

    void finish(Outcome outcome, std::string why, std::string body = {}) {
        if (!done_) return;
        std::error_code ignored;
        timer_.cancel();
        resolver_.cancel();
        (void)socket_.close(ignored);
        std::exchange(done_, nullptr)({outcome, std::move(why), std::move(body)});
    }

    ProbeOrder order_;
    const CheckPolicy& policy_;
    std::atomic<int>& lookups_;
    std::function<void(Probed)> done_;  // empty once it was called
    tcp::resolver resolver_;
    tcp::socket socket_;
    asio::steady_timer timer_;
    std::vector<tcp::endpoint> endpoints_;
    bool resolving_ = false;
    std::string request_;
    std::array<char, 4096> buffer_{};
    Answer answer_;
};

}  // namespace

void probe(asio::io_context& io, ProbeOrder order, const CheckPolicy& policy,
           std::atomic<int>& lookups, std::function<void(Probed)> done) {
    auto one = std::make_shared<Probe>(io, std::move(order), policy, lookups, std::move(done));
    asio::post(io, [one = std::move(one)] { one->start(); });
}

}  // namespace node
