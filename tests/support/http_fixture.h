#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gossip/member.h"
#include "node/cli/http_client.h"
#include "node/clock.h"
#include "node/http/server.h"
#include "registry/view_builder.h"

// The API of one node in this process: the real server and the real core, without a disk and
// without peers.
namespace test {

using nlohmann::json;
using node::cli::HttpAnswer;
using node::cli::HttpClient;

// A core with a thread of its own. Turns as CoreHandle promises them: works, then the view, then
// the answers.
class InProcessCore final : public node::CoreHandle {
  public:
    InProcessCore() : core_(gossip::Config{}, self(), 1, node::read_clocks()) {
        gossip::Output out;
        core_.start(node::read_clocks(), out);
        publish(out);
        thread_ = std::thread([this] { run(); });
    }
    ~InProcessCore() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    static gossip::Identity self() {
        return {gossip::NodeId{0xabc}, "solo", gossip::Endpoint::v4(127, 0, 0, 1, 7701),
                "127.0.0.1:7700"};
    }

    bool submit(Work work, Done done) override {
        if (full) return false;
        {
            const std::lock_guard lock(mutex_);
            works_.emplace_back(std::move(work), std::move(done));
        }
        wake_.notify_one();
        return true;
    }

    void listen(node::QuestionListener* listener) override {
        const std::lock_guard lock(listening_);
        listener_ = listener;
    }

    [[nodiscard]] const node::Published<registry::View>& view() const { return view_; }

    std::atomic<bool> full{false};  // submit() says no

  private:
    using Queue = std::vector<std::pair<Work, Done>>;

    void run() {
        for (Queue turn = next(); !turn.empty(); turn = next()) {
            const gossip::Now now = node::read_clocks();
            gossip::Output out;
            for (const auto& [work, done] : turn) work(core_, now, out);
            core_.tick(now, out);
            hear_questions(now, out);
            publish(out);
            for (const auto& [work, done] : turn) done();
        }
    }
    Queue next() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !works_.empty(); });
        return std::exchange(works_, {});
    }
    void hear_questions(gossip::Now now, gossip::Output& out) {
        const std::lock_guard lock(listening_);
        if (listener_ == nullptr) return;
        for (const auto& asked : out.asked) listener_->asked(asked, core_, now, out);
        for (const auto& answer : out.answered) listener_->answered(answer);
    }
    void publish(const gossip::Output& out) {
        builder_.apply(out);
        view_.store(builder_.publish(node::read_clocks()));
    }

    gossip::Core core_;
    registry::ViewBuilder builder_;
    node::Published<registry::View> view_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::mutex listening_;
    node::QuestionListener* listener_ = nullptr;
    Queue works_;
    bool stopping_ = false;
    std::thread thread_;
};

class HttpTest : public testing::Test {
  protected:
    // A fresh server with these limits on a free port; SetUp() starts one with the defaults.
    void serve(node::HttpLimits limits = {}, unsigned threads = 1) {
        server_.reset();
        auto started = node::HttpServer::start(
            {.host = "127.0.0.1", .port = 0, .threads = threads, .limits = limits},
            {core_, core_.view(), InProcessCore::self(), "test-cluster", "1.2.3"});
        ASSERT_TRUE(started.has_value()) << started.error().message;
        server_ = std::move(started).value();
        client_ = std::make_unique<HttpClient>("http://" + address());
    }
    void SetUp() override { serve(); }

    [[nodiscard]] std::string address() const {
        return "127.0.0.1:" + std::to_string(server_->port());
    }

    HttpAnswer send(const std::string& method, const std::string& target,
                    const std::string& body = "",
                    const std::map<std::string, std::string>& headers = {}) {
        return client_->send(
            {.method = method, .target = target, .body = body, .headers = headers});
    }
    HttpAnswer get(const std::string& target,
                   const std::map<std::string, std::string>& headers = {}) {
        return send("GET", target, "", headers);
    }
    HttpAnswer post(const std::string& target, const json& body) {
        return send("POST", target, body.dump());
    }
    HttpAnswer put(const std::string& address, const json& body,
                   const std::map<std::string, std::string>& headers = {}) {
        return send("PUT", "/v1/instances/" + address, body.dump(), headers);
    }
    // The body of a GET that succeeds.
    json get_json(const std::string& target) {
        const auto answer = get(target);
        EXPECT_EQ(answer.status, 200) << target << ": " << answer.body;
        return json::parse(answer.body, nullptr, false);
    }
    // The right status, one of the words, and a hint.
    static void expect_refused(const HttpAnswer& answer, int status, const std::string& word) {
        EXPECT_EQ(answer.status, status) << answer.body;
        const json body = json::parse(answer.body, nullptr, false);
        ASSERT_TRUE(body.is_object()) << answer.body;
        EXPECT_FALSE(body.value("hint", "").empty()) << answer.body;
        EXPECT_NE(answer.body.find(word), std::string::npos) << answer.body;
    }
    // Adds a work and waits until it is done.
    void in_core(const node::CoreHandle::Work& work) {
        std::atomic<bool> over{false};
        ASSERT_TRUE(core_.submit(work, [&over] {
            over = true;
            over.notify_one();
        }));
        over.wait(false);
    }
    // Another node that this one knows, and that never answers.
    void add_silent_peer() {
        in_core([](gossip::Core& core, gossip::Now now, gossip::Output&) {
            gossip::NodeRecord peer;
            peer.id = gossip::NodeId{0xfeed};
            peer.incarnation_ms = static_cast<std::uint64_t>(now.wall.time_since_epoch().count());
            peer.info.gossip = gossip::Endpoint::v4(127, 0, 0, 1, 9);
            ASSERT_TRUE(core.restore(gossip::encode(peer, core.config().key).bytes(), now));
        });
    }

    InProcessCore core_;
    std::unique_ptr<node::HttpServer> server_;
    std::unique_ptr<HttpClient> client_;
};

}  // namespace test
