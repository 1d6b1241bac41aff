#include "node/seeds.h"

#include <algorithm>
#include <thread>

#include "node/gossip_socket.h"
#include "node/log.h"

namespace node {
namespace {

using asio::ip::udp;
using gossip::Endpoint;
using gossip::Errc;
using gossip::Error;
using gossip::Result;

// A resolver that has just been started with us (in a container, at boot) gets this long.
constexpr int kFirstTries = 3;
constexpr std::chrono::milliseconds kFirstPause{500};

std::vector<Endpoint> reachable(const udp::resolver::results_type& results, bool v6) {
    std::vector<Endpoint> found;
    for (const auto& entry : results) {
        const Endpoint e = to_endpoint(entry.endpoint().address(), entry.endpoint().port());
        const bool seen = std::find(found.begin(), found.end(), e) != found.end();
        if (!seen && to_address(e, v6).ok) found.push_back(e);
    }
    return found;
}

}  // namespace

Result<std::vector<Endpoint>> resolve(const HostPort& host, bool v6) {
    if (const Result<Endpoint> literal = literal_endpoint(host)) {
        if (to_address(*literal, v6).ok) return std::vector{*literal};
        return Error{Errc::not_found, "'" + host.host + "' cannot be reached from an IPv4 address"};
    }
    asio::io_context io;
    udp::resolver resolver{io};
    std::error_code problem;
    const auto results = resolver.resolve(host.host, std::to_string(host.port), problem);
    if (problem) {
        const bool unknown =
            problem == asio::error::host_not_found || problem == asio::error::no_data;
        return Error{unknown ? Errc::not_found : Errc::unavailable,
                     "'" + host.host + "' does not resolve: " + problem.message()};
    }
    std::vector<Endpoint> found = reachable(results, v6);
    if (found.empty()) {
        return Error{Errc::not_found, "'" + host.host + "' has no address of our family"};
    }
    return found;
}

Seeds::Seeds(asio::io_context& io, std::vector<HostPort> names, bool v6)
    : resolver_(io), timer_(io), names_(std::move(names)), known_(names_.size()), v6_(v6) {}

Result<std::vector<Endpoint>> Seeds::resolve_first() {
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < names_.size(); ++i) {
        Result<std::vector<Endpoint>> found = resolve(names_[i], v6_);
        for (int tries = 1; tries < kFirstTries && !found; ++tries) {
            if (found.error().code != Errc::unavailable) break;
            std::this_thread::sleep_for(kFirstPause);
            found = resolve(names_[i], v6_);
        }
        if (found) {
            known_[i] = std::move(found).value();
        } else {
            problems.push_back(found.error().message);
        }
    }
    std::vector<Endpoint> found = all();
    if (found.empty() && !problems.empty()) {
        return Error{Errc::not_found, "seed " + problems.front()};
    }
    for (const std::string& problem : problems) {
        log(LogLevel::warn, "seed_unresolved", {{"error", problem}});
    }
    return found;
}

void Seeds::start(Changed changed, std::function<bool()> joined) {
    changed_ = std::move(changed);
    joined_ = std::move(joined);
    if (any_name()) schedule();
}

void Seeds::stop() {
    stopped_ = true;
    timer_.cancel();
    resolver_.cancel();
}

void Seeds::schedule() {
    timer_.expires_after(joined_() ? kJoined : kWhileAlone);
    timer_.async_wait([this](std::error_code problem) {
        if (!problem && !stopped_) resolve_next(0);
    });
}

void Seeds::resolve_next(std::size_t index) {
    if (index == names_.size()) {
        changed_(all());
        return schedule();
    }
    const HostPort& name = names_[index];
    if (literal_endpoint(name)) return resolve_next(index + 1);
    looking_up_ = true;
    resolver_.async_resolve(
        name.host, std::to_string(name.port),
        [this, index](std::error_code problem, const udp::resolver::results_type& results) {
            looking_up_ = false;
            if (stopped_ || problem == asio::error::operation_aborted) return;
            std::vector<Endpoint> found = reachable(results, v6_);
            if (!found.empty()) known_[index] = std::move(found);
            resolve_next(index + 1);
        });
}

std::vector<Endpoint> Seeds::all() const {
    std::vector<Endpoint> all;
    for (const std::vector<Endpoint>& some : known_) {
        for (const Endpoint& e : some) {
            if (std::find(all.begin(), all.end(), e) == all.end()) all.push_back(e);
        }
    }
    return all;
}

bool Seeds::any_name() const {
    return std::any_of(names_.begin(), names_.end(),
                       [](const HostPort& name) { return !literal_endpoint(name); });
}

}  // namespace node
