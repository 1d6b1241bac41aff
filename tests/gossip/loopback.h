#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/core.h"
#include "gossip/membership.h"
#include "gossip/table.h"
#include "gossip/wire.h"

namespace gossip {

// A handful of cores joined by a network that delivers everything at once and in order, to look at
// one mechanism at a time. What loss, delay and crashes do is the simulator's to say.
class Loopback {
  public:
    static constexpr std::int64_t kStart = 1'700'000'000'000;  // ms of wall time at mono 0

    struct Node final : Effects {
        void persist(const Output& o) override { durable += o.durable.size(); }
        void write_behind(const Output& o) override { behind += o.behind.size(); }
        void send(const Endpoint& to, Bytes datagram) override {
            net->sent.push_back({self, to, std::string{as_text(datagram)}});
        }
        void stream(const StreamAction& action) override {
            net->actions.emplace_back(self, action);
        }
        void publish(const Output& o) override {
            for (const Event& event : o.events) events.push_back(event);
            for (const Record& r : o.outranked) outranked.emplace_back(r.fields().value);
        }
        Loopback* net = nullptr;
        std::size_t self = 0;
        std::unique_ptr<Core> core;
        Output out;
        std::size_t durable = 0;
        std::size_t behind = 0;
        std::vector<Event> events;
        std::vector<Output::Answered> answered;
        std::string says;  // in front of each question that it answers; "": it answers none
        std::vector<std::string> outranked;  // values
    };
    struct Sent {
        std::size_t from;
        Endpoint to;
        std::string bytes;
    };

    explicit Loopback(std::size_t count, Config config = small()) : config_(std::move(config)) {
        for (std::size_t i = 0; i < count; ++i) add();
    }

    static Config small() {
        Config config;
        config.sketch_cells = 4096;
        return config;
    }
    static Endpoint endpoint(std::size_t i) {
        return Endpoint::v4(127, 0, 0, 1, static_cast<std::uint16_t>(1000 + i));
    }
    static NodeId id(std::size_t i) { return {i + 1}; }

    // A node that knows node 0 as its seed. start() is up to the caller.
    std::size_t add() {
        const std::size_t i = nodes.size();
        nodes.push_back(std::make_unique<Node>());
        Node& n = *nodes.back();
        n.net = this;
        n.self = i;
        const Identity identity{id(i), "n" + std::to_string(i), endpoint(i), "127.0.0.1:80"};
        n.core = std::make_unique<Core>(config_, identity, i + 7, now(i));
        n.core->set_seeds({endpoint(0)}, now(i));
        return i;
    }
    void start(std::size_t i) {
        nodes[i]->core->start(now(i), nodes[i]->out);
        finish(i);
    }
    void start_all() {
        for (std::size_t i = 0; i < nodes.size(); ++i) start(i);
    }

    // What node `at` believes of node `about`.
    [[nodiscard]] MemberState state(std::size_t at, std::size_t about) const {
        const Member* member = nodes[at]->core->members().find(id(about));
        return member ? member->state : MemberState::left;
    }
    [[nodiscard]] Now now() const {
        return {Mono::time_point{elapsed}, Wall::time_point{elapsed + milliseconds{kStart}}};
    }
    // What node i takes it for.
    [[nodiscard]] Now now(std::size_t i) const {
        const auto off = skew.find(i);
        return {now().mono, now().wall + (off == skew.end() ? milliseconds{0} : off->second)};
    }
    Core& core(std::size_t i) { return *nodes[i]->core; }

    PutResult put(std::size_t i, std::string key, std::string value, std::uint32_t ttl_s = 0,
                  std::int64_t last_update_offset_s = 0) {
        LocalWrite w;
        w.key = std::move(key);
        w.value = std::move(value);
        w.ttl_s = ttl_s;
        w.last_update = static_cast<std::uint64_t>(now().wall.time_since_epoch().count() / 1000 +
                                                   last_update_offset_s);
        return write(i, w);
    }
    PutResult write(std::size_t i, const LocalWrite& w) {
        const PutResult result = core(i).put(w, now(i), nodes[i]->out);
        finish(i);
        return result;
    }
    PutResult erase(std::size_t i, std::string key) {
        LocalWrite w;
        w.key = std::move(key);
        w.tombstone = true;
        w.timed_by_application = false;
        return write(i, w);
    }

    // Performs what node i's output asks for.
    void finish(std::size_t i) {
        Node& n = *nodes[i];
        for (const Asked& asked : n.out.asked) {
            if (n.says.empty()) continue;
            const std::string answer = n.says + asked.question;
            n.core->reply(asked, as_bytes(answer), now(i), n.out);
        }
        perform(n.out, n);
        for (const Event& event : n.out.events) n.events.push_back(event);
        for (const auto& answer : n.out.answered) n.answered.push_back(answer);
        n.out.clear();
    }
    // Delivers everything in flight, and what it causes.
    void deliver() {
        while (!sent.empty() || !actions.empty()) {
            while (!sent.empty()) {
                const Sent message = std::move(sent.front());
                sent.pop_front();
                deliver(message);
            }
            if (!actions.empty()) {
                auto [from, action] = std::move(actions.front());
                actions.pop_front();
                carry(from, action);
            }
        }
    }
    void run_for(milliseconds duration, milliseconds step = milliseconds{1}) {
        for (const milliseconds end = elapsed + duration; elapsed < end; elapsed += step) {
            for (std::size_t i = 0; i < nodes.size(); ++i) {
                if (silent.contains(i) || gone.contains(i)) continue;
                if (core(i).next_wakeup() <= now().mono) core(i).tick(now(i), nodes[i]->out);
                finish(i);
            }
            deliver();
        }
    }
    [[nodiscard]] bool agree() const {
        for (const auto& n : nodes) {
            if (silent.contains(n->self)) continue;
            if (n->core->table().fingerprint() != nodes[0]->core->table().fingerprint()) {
                return false;
            }
        }
        return true;
    }

    std::vector<std::unique_ptr<Node>> nodes;
    std::deque<Sent> sent;
    std::deque<std::pair<std::size_t, StreamAction>> actions;
    std::map<std::size_t, bool> silent;        // neither ticks nor hears
    std::map<std::size_t, bool> gone;          // likewise, and its host says so
    std::map<std::size_t, bool> cut;           // ticks, but neither hears nor is heard
    std::map<std::size_t, milliseconds> skew;  // of wall clocks
    std::uint64_t bytes = 0;
    std::uint64_t datagrams = 0;
    std::size_t largest = 0;
    milliseconds elapsed{0};

  private:
    void deliver(const Sent& message) {
        ++datagrams;
        bytes += message.bytes.size();
        largest = std::max(largest, message.bytes.size());
        const std::size_t to = static_cast<std::size_t>(message.to.port) - 1000;
        if (to >= nodes.size() || silent.contains(to) || silent.contains(message.from)) return;
        if (cut.contains(to) || cut.contains(message.from)) return;
        if (gone.contains(to)) {
            core(message.from).refused(message.to, now(message.from), nodes[message.from]->out);
            finish(message.from);
            return;
        }
        core(to).receive(endpoint(message.from), as_bytes(message.bytes), now(to), nodes[to]->out);
        core(to).tick(now(to), nodes[to]->out);  // as after any input
        finish(to);
    }
    // Streams are keyed by (opener, its id); the acceptor's id has the top bit set.
    void carry(std::size_t from, const StreamAction& action) {
        if (action.kind == StreamAction::Kind::open) {
            const std::size_t to = static_cast<std::size_t>(action.to.port) - 1000;
            const StreamId far{kAcceptedStreams | ++streams_};
            far_[{from, action.id}] = {to, far};
            far_[{to, far}] = {from, action.id};
            core(to).stream_accepted(far, endpoint(from), now(to), nodes[to]->out);
            core(from).stream_drained(action.id, now(from), nodes[from]->out);
            finish(to);
            finish(from);
            return;
        }
        const auto at = far_.find({from, action.id});
        if (at == far_.end()) return;
        const auto [to, far] = at->second;
        if (action.kind == StreamAction::Kind::close) {
            far_.erase({from, action.id});
            far_.erase({to, far});
            core(to).stream_closed(far, now(to), nodes[to]->out);
            finish(to);
            return;
        }
        bytes += action.frame.size();
        core(to).stream_received(far, as_bytes(action.frame), now(to), nodes[to]->out);
        finish(to);
        core(from).stream_drained(action.id, now(from), nodes[from]->out);
        finish(from);
    }

    Config config_;
    std::map<std::pair<std::size_t, StreamId>, std::pair<std::size_t, StreamId>> far_;
    std::uint64_t streams_ = 0;
};

}  // namespace gossip
