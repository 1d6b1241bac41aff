#include "node/http/server.h"

// A client that pipelines a request and then one with `Connection: close` trips an assertion of
// RESTinio (connection.hpp:980), though the code behind it is right. No client may end the process.
#undef NDEBUG
#define NDEBUG

#include "node/http/metered_socket.h"  // before RESTinio: see there
//
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <mutex>
#include <restinio/http_server.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "node/http/api.h"
#include "node/http/exchange.h"
#include "node/http/line_stream.h"

// The only file that knows RESTinio: sockets, parsing, limits and time limits are its, everything
// behind route() is ours.

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using Running = HttpServer::Running;

struct Worker;

struct Handler {
    Running* running;
    Worker* worker;
    restinio::request_handling_status_t operator()(restinio::request_handle_t request) const;
};

// One thread per io_context, so no strands.
struct Traits : restinio::traits_t<restinio::asio_timer_manager_t, ReasonLogger, Handler,
                                   restinio::noop_strand_t, MeteredSocket> {
    // RESTinio looks for this name.
    // NOLINTNEXTLINE(readability-identifier-naming)
    static constexpr bool use_connection_count_limiter = true;
};
using Server = restinio::http_server_t<Traits>;
using Connection = restinio::impl::connection_t<Traits>;

struct Worker {
    asio::io_context io{1};
    std::unique_ptr<Server> server;
    SocketStream::Open streams;  // connections that RESTinio has given up, but still counts
    std::thread thread;
};

// Descriptors that are kept for the rest of the node: database, gossip, streams, timers, logs.
constexpr rlim_t kReservedDescriptors = 128;
// One in so many connections of a thread may be that of an attached application.
constexpr std::size_t kAttachedShare = 2;

// RESTinio stops accepting for good when accept() finds no descriptor, so that must not happen.
std::size_t connections_allowed(std::size_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::min<std::size_t>(wanted, 512);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t free = std::max<rlim_t>(limit.rlim_cur, 2 * kReservedDescriptors);
    return std::min<std::size_t>(wanted, free - kReservedDescriptors);
}

Method method_of(restinio::http_method_id_t id) {
    if (id == restinio::http_method_get() || id == restinio::http_method_head()) return Method::get;
    if (id == restinio::http_method_post()) return Method::post;
    if (id == restinio::http_method_put()) return Method::put;
    if (id == restinio::http_method_delete()) return Method::del;
    return Method::other;
}

}  // namespace

// Everything of a running server. Shared with the requests that the core still works on, so that
// an answer that comes after stop() finds its sockets, though closed.
struct HttpServer::Running : std::enable_shared_from_this<HttpServer::Running> {
    Running(HttpContext context, const HttpLimits& limits)
        : api(std::move(context), limits,
              [this](auto delay, auto action) { run_later(delay, std::move(action)); }) {}

    Api api;
    std::uint16_t port = 0;
    std::vector<std::unique_ptr<Worker>> workers;

    // The actions live here and not in the timers: stop() can drop them, and with them the requests
    // that they hold, which hold us.
    std::mutex later_mutex;
    std::map<std::uint64_t, std::function<void()>> later;
    std::uint64_t next_later = 0;
    bool stopped = false;

    void run_later(std::chrono::milliseconds delay, std::function<void()> action);
    void stop();
};

namespace {

class RestinioExchange final : public Exchange {
  public:
    RestinioExchange(std::shared_ptr<Running> running, Worker& worker,
                     restinio::request_handle_t handle)
        : running_(std::move(running)), worker_(&worker), handle_(std::move(handle)) {
        const auto& header = handle_->header();
        request_.method = method_of(header.method());
        request_.head = header.method() == restinio::http_method_head();
        upgrade_ = header.connection() == restinio::http_connection_header_t::upgrade;
        keep_alive_ = header.should_keep_alive() && !upgrade_;
        request_.path = view(header.path());
        request_.query = view(header.query());
        request_.body = handle_->body();
        header.for_each_field([this](const auto& field) {
            if (field.field_id() == restinio::http_field::if_none_match) {
                request_.if_none_match = field.value();
            } else if (field.field_id() == restinio::http_field::if_match) {
                request_.if_match = field.value();
            }
        });
    }

    [[nodiscard]] const Request& request() const override { return request_; }
    [[nodiscard]] std::string client() const override {
        return handle_->remote_endpoint().address().to_string();
    }

    // Past RESTinio's response builder, which costs a tenth of a small request: it takes every
    // field in two strings, and gives a 304 a length.
    void send(Response response) override {
        auto connection = std::move(restinio::impl::access_req_connection(*handle_));
        if (!connection) return;
        restinio::writable_items_container_t parts;
        parts.reserve(2);
        std::string head = format_head(response, keep_alive_);
        const bool body = !request_.head && response.status != 304;
        if (body && !response.shared_body) head += response.body;
        parts.emplace_back(std::move(head));
        std::shared_ptr<const SharedBytes> shared;
        if (body && response.shared_body) parts.emplace_back(shared = response.shared_body);
        // Never from within the handler: RESTinio would read on twice, and refuse what it reads the
        // second time, if the client has pipelined.
        asio::post(worker_->io, [connection = std::move(connection), id = handle_->request_id(),
                                 group = restinio::write_group_t{std::move(parts)},
                                 shared = std::move(shared), keep_alive = keep_alive_,
                                 upgrade = upgrade_]() mutable {
            if (shared) remember_file(shared);
            connection->write_response_parts(id,
                                             {restinio::response_parts_attr_t::final_parts,
                                              restinio::response_connection_attr(keep_alive)},
                                             std::move(group));
            if (upgrade) resume_time_limits(connection);
        });
    }

    // Takes the socket as RESTinio's own WebSockets do. While a request is being handled RESTinio
    // neither reads nor writes, since it takes one at a time, and what it has read behind the
    // request is lost: nothing else is answered on this connection.
    std::shared_ptr<LineStream> stream(std::function<void()> ended) override {
        auto stream =
            std::make_shared<SocketStream>(worker_->io, worker_->streams, std::move(ended));
        auto connection = std::move(restinio::impl::access_req_connection(*handle_));
        asio::post(worker_->io, [connection = std::move(connection), stream] {
            auto parts = dynamic_cast<Connection&>(*connection).move_upgrade_internals();
            using Monitor = decltype(parts.m_lifetime_monitor);
            stream->start(static_cast<MeteredSocket::Base&&>(parts.m_socket),
                          std::make_shared<Monitor>(std::move(parts.m_lifetime_monitor)));
        });
        return stream;
    }

  private:
    // RESTinio stops the clock of a connection that asks for an upgrade (as some clients do in
    // every request), and expects it to be taken over. We answer and close; the clock has to run
    // until the client has read the answer.
    static void resume_time_limits(restinio::tcp_connection_ctx_handle_t connection) {
        connection->check_timeout(connection);
    }
    static std::string_view view(restinio::string_view_t text) {
        return {text.data(), text.size()};
    }

    std::shared_ptr<Running> running_;
    Worker* worker_;  // of `running_`
    restinio::request_handle_t handle_;
    Request request_;
    bool keep_alive_ = true;
    bool upgrade_ = false;
};

restinio::request_handling_status_t Handler::operator()(restinio::request_handle_t request) const {
    const auto exchange = std::make_shared<RestinioExchange>(running->shared_from_this(), *worker,
                                                             std::move(request));
    try {
        route(running->api, exchange);
    } catch (const std::exception& failure) {  // of a library: we throw nothing ourselves
        exchange->send(problem(500, failure.what(), "this is our fault, not the request's"));
    }
    return restinio::request_accepted();
}

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

template <class Settings>
void configure(Settings& settings, const HttpOptions& options, Running& running,
               const asio::ip::address& address, Worker& worker) {
    const HttpLimits& limits = options.limits;
    const unsigned threads = options.threads;
    settings.address(address)
        .protocol(address.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4())
        .port(running.port != 0 ? running.port : options.port)
        .logger(worker.io)
        .request_handler(std::make_unique<Handler>(Handler{&running, &worker}))
        .max_parallel_connections(limits.max_connections / threads)
        .max_pipelined_requests(1)
        .read_next_http_message_timelimit(limits.request_time)
        .handle_request_timeout(limits.handle_time)
        .write_http_response_timelimit(limits.write_time)
        .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                      .max_url_size(limits.max_header_bytes)
                                      .max_field_name_size(limits.max_header_bytes)
                                      .max_field_value_size(limits.max_header_bytes)
                                      .max_field_count(limits.max_headers)
                                      .max_body_size(limits.max_body))
        .socket_options_setter(
            [](auto& socket) { socket.set_option(asio::ip::tcp::no_delay{true}); })
        .acceptor_options_setter([threads](auto& acceptor) {
            acceptor.set_option(asio::socket_base::reuse_address{true});
            if (threads > 1) acceptor.set_option(ReusePort{true});
        })
        .acceptor_post_bind_hook(
            [&running](auto& acceptor) { running.port = acceptor.local_endpoint().port(); });
}

Result<asio::ip::address> listen_address(const std::string& host) {
    std::error_code error;
    const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
    if (error) {
        return Error{Errc::invalid,
                     "http: \"" + host + "\" is no IP address; 127.0.0.1 and 0.0.0.0 are usual"};
    }
    return address;
}

// sendfile() has no MSG_NOSIGNAL. A signal that its own thread blocks does nothing.
void ignore_closed_sockets() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// Several acceptors may share a port that each declares to be shared, and so could a second agent:
// one that is not shared finds out.
void probe(const asio::ip::tcp::endpoint& endpoint) {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor{io, endpoint, true};
}

}  // namespace

void HttpServer::Running::run_later(std::chrono::milliseconds delay, std::function<void()> action) {
    std::uint64_t id = 0;
    {
        const std::lock_guard lock(later_mutex);
        if (stopped) return;
        id = next_later++;
        later.emplace(id, std::move(action));
    }
    auto timer = std::make_shared<asio::steady_timer>(workers.front()->io, delay);
    timer->async_wait([this, id, timer](const std::error_code&) {
        std::function<void()> due;
        {
            const std::lock_guard lock(later_mutex);
            auto node = later.extract(id);
            if (!node.empty()) due = std::move(node.mapped());
        }
        if (due) due();
    });
}

void HttpServer::Running::stop() {
    for (const auto& worker : workers) worker->io.stop();
    for (const auto& worker : workers) {
        if (worker->thread.joinable()) worker->thread.join();
        while (!worker->streams.empty()) (*worker->streams.begin())->close();
        worker->server->close_sync();
    }
    std::map<std::uint64_t, std::function<void()>> dropped;
    const std::lock_guard lock(later_mutex);
    dropped.swap(later);
    stopped = true;
}

HttpServer::HttpServer(std::shared_ptr<Running> running) : running_(std::move(running)) {}

// What throws while the server is taken down leaves threads that nobody can stop: the end.
HttpServer::~HttpServer() {  // NOLINT(bugprone-exception-escape)
    stop();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpOptions options, HttpContext context) {
    const auto address = listen_address(options.host);
    if (!address) return address.error();
    options.threads = std::max(1U, options.threads);
    HttpLimits& limits = options.limits;
    limits.max_connections = connections_allowed(limits.max_connections);
    limits.max_attached =
        std::min(limits.max_attached, limits.max_connections / options.threads / kAttachedShare);
    auto running = std::make_shared<Running>(std::move(context), options.limits);
    try {
        if (options.threads > 1 && options.port != 0) probe({*address, options.port});
        for (unsigned i = 0; i < options.threads; ++i) {
            auto worker = std::make_unique<Worker>();
            worker->server = std::make_unique<Server>(
                restinio::external_io_context(worker->io),
                [&](auto& settings) { configure(settings, options, *running, *address, *worker); });
            worker->server->open_sync();
            running->workers.push_back(std::move(worker));
        }
    } catch (const std::exception& failure) {
        const auto* system = dynamic_cast<const std::system_error*>(&failure);
        return Error{Errc::unavailable,
                     "http: cannot listen on " + options.host + ":" + std::to_string(options.port) +
                         ": " + (system ? system->code().message() : std::string{failure.what()})};
    }
    for (const auto& worker : running->workers) {
        worker->thread = std::thread([io = &worker->io] {
            ignore_closed_sockets();
            io->run();
        });
    }
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(running)));
}

std::uint16_t HttpServer::port() const {
    return running_->port;
}

void HttpServer::stop() {
    running_->stop();
}

}  // namespace node
