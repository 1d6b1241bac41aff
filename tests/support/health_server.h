#pragma once

#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

// A server with a GET /health/ that a test controls, on a thread of its own.
namespace test {

class HealthServer {
  public:
    // What is sent for a path; nullopt: nothing at all, and the connection stays open.
    using Reply = std::function<std::optional<std::string>(const std::string& path)>;

    // Port 0: any free one.
    explicit HealthServer(Reply reply, const std::string& host = "127.0.0.1",
                          std::uint16_t port = 0)
        : reply_(std::move(reply)), acceptor_(io_, {asio::ip::make_address(host), port}) {
        accept();
        thread_ = std::thread([this] { io_.run(); });
    }
    HealthServer(const HealthServer&) = delete;
    HealthServer& operator=(const HealthServer&) = delete;
    ~HealthServer() {
        io_.stop();
        thread_.join();
    }

    [[nodiscard]] std::string address() const {
        const auto at = acceptor_.local_endpoint();
        return at.address().to_string() + ":" + std::to_string(at.port());
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] std::string url(const std::string& path = "/health/") const {
        return "http://" + address() + path;
    }
    [[nodiscard]] int requests(const std::string& path = "/health/") const {
        const std::lock_guard lock(mutex_);
        const auto found = requests_.find(path);
        return found == requests_.end() ? 0 : found->second;
    }
    // Of the latest request.
    [[nodiscard]] std::string head() const {
        const std::lock_guard lock(mutex_);
        return head_;
    }

    static std::string ok(const std::string& body, const std::string& status = "200 OK") {
        return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
    }

  private:
    struct Connection {
        explicit Connection(asio::ip::tcp::socket s) : socket(std::move(s)) {}
        asio::ip::tcp::socket socket;
        std::string in;
        std::string out;
    };

    void accept() {
        acceptor_.async_accept([this](std::error_code problem, asio::ip::tcp::socket socket) {
            if (problem) return;
            serve(std::make_shared<Connection>(std::move(socket)));
            accept();
        });
    }
    void serve(const std::shared_ptr<Connection>& c) {
        asio::async_read_until(c->socket, asio::dynamic_buffer(c->in), "\r\n\r\n",
                               [this, c](std::error_code problem, std::size_t) {
                                   if (problem) return;
                                   const std::size_t from = c->in.find(' ') + 1;
                                   const std::string path =
                                       c->in.substr(from, c->in.find(' ', from) - from);
                                   {
                                       const std::lock_guard lock(mutex_);
                                       ++requests_[path];
                                       head_ = c->in;
                                   }
                                   if (const auto reply = reply_(path)) {
                                       c->out = *reply;
                                       asio::async_write(c->socket, asio::buffer(c->out),
                                                         [c](std::error_code, std::size_t) {});
                                   } else {
                                       hold(c);
                                   }
                               });
    }
    // Until the client has had enough.
    static void hold(const std::shared_ptr<Connection>& c) {
        c->in.assign(1, ' ');
        c->socket.async_read_some(asio::buffer(c->in), [c](std::error_code, std::size_t) {});
    }

    Reply reply_;
    asio::io_context io_;
    asio::ip::tcp::acceptor acceptor_;
    mutable std::mutex mutex_;
    std::map<std::string, int> requests_;
    std::string head_;
    std::thread thread_;
};

}  // namespace test
