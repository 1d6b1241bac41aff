#pragma once

#include <asio.hpp>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "clients/cpp/hearsay/client.h"
#include "examples/arena/connection.h"

namespace arena {

// Asks a random one of several nodes where to go. The requests block, so they run on a few threads,
// each with a connection of its own to each node. A node that did not answer is left alone for a
// while: one that hangs would else hold up all who ask.
class Finder {
  public:
    Finder(std::vector<std::string> nodes, std::string app)
        : pool_(kThreads), nodes_(std::move(nodes)), app_(std::move(app)) {}

    struct Found {
        std::string node;
        // As the node answered; outcome "unreachable" if it did not, "refused" if the question
        // made no sense to it.
        hearsay::Place place;
    };
    asio::awaitable<Found> ask(hearsay::PlaceOptions question, std::mt19937_64& random) {
        Found found;
        found.node = choose(random);
        const auto work = [&] { return ask_now(found.node, app_, question); };
        found.place = co_await on_pool(pool_, work);
        if (found.place.outcome == "unreachable") {
            avoided_[found.node] = std::chrono::steady_clock::now() + kAvoided;
        }
        co_return found;
    }
    // All nodes may be asked again.
    void forget() { avoided_.clear(); }
    // When nobody asks any more.
    void stop() { pool_.join(); }

  private:
    static constexpr std::size_t kThreads = 8;
    static constexpr std::chrono::milliseconds kPatience{1000};
    static constexpr std::chrono::seconds kAvoided{3};

    std::string choose(std::mt19937_64& random) {
        const auto now = std::chrono::steady_clock::now();
        std::erase_if(avoided_, [now](const auto& each) { return each.second <= now; });
        std::vector<std::string> good;
        for (const std::string& node : nodes_) {
            if (!avoided_.contains(node)) good.push_back(node);
        }
        const auto& from = good.empty() ? nodes_ : good;
        return from[random() % from.size()];
    }
    static hearsay::Place ask_now(const std::string& url, const std::string& app,
                                  const hearsay::PlaceOptions& question) {
        thread_local std::map<std::string, hearsay::Node> connections;
        hearsay::Place place;
        try {
            auto& node = connections.try_emplace(url, url, kPatience).first->second;
            return node.place(app, question);
        } catch (const hearsay::Refused& problem) {
            place.outcome = "refused";
            place.reason = problem.what();
        } catch (const std::exception& problem) {
            place.outcome = "unreachable";
            place.reason = problem.what();
        }
        return place;
    }

    asio::thread_pool pool_;
    std::vector<std::string> nodes_;
    std::string app_;
    std::map<std::string, std::chrono::steady_clock::time_point> avoided_;
};

}  // namespace arena
