#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <vector>

#include "gossip/random.h"
#include "registry/json.h"
#include "registry/view_builder.h"
#include "tests/registry/samples.h"

// Laws over random instances, and the view against a model that is too simple to be wrong.

namespace registry {
namespace {

using gossip::MemberState;
using nlohmann::json;
using testing::at_second;
using testing::record;

// A string from an alphabet with everything that JSON escapes.
std::string text(std::size_t least, std::size_t most) {
    static const std::vector<std::string> kAlphabet{
        "a", "Z", "0", "-", ".", " ",        "\"",           "\\",
        "/", "{", "}", ":", ",", "\xc3\xa9", "\xe6\xb5\xb7", "\xf0\x9f\x8c\x8a"};
    const auto letters =
        *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kAlphabet));
    std::string out(least, 'x');
    for (const std::string& letter : letters) {
        if (out.size() + letter.size() <= most) out += letter;
    }
    return out;
}

Instance any_instance() {
    Instance x;
    x.address = *rc::gen::element<std::string>("10.0.0.1", "[::1]:80", "a_b.example:65535", "::1");
    x.app_name = text(1, kMaxAppName);
    x.version = text(0, kMaxVersion);
    x.incarnation = *rc::gen::arbitrary<std::uint64_t>();
    x.phase = static_cast<Phase>(*rc::gen::inRange(0, 4));
    x.capacity = *rc::gen::arbitrary<std::uint32_t>();
    x.sessions = *rc::gen::arbitrary<std::uint32_t>();
    x.ready_to_close = *rc::gen::arbitrary<bool>();
    x.zone = text(0, kMaxZone);
    json metadata = json::object();
    const auto keys = *rc::gen::inRange(0, 4);
    for (int i = 0; i < keys; ++i) metadata[text(0, 20)] = text(0, 40);
    x.metadata = metadata.dump();
    x.last_update = *rc::gen::inRange<std::uint64_t>(0, kMaxLastUpdate + 1);
    x.ttl_s = *rc::gen::inRange<std::uint32_t>(1, kMaxTtl + 1);
    x.owner = {*rc::gen::arbitrary<std::uint64_t>()};
    return x;
}

TEST(Laws, DecodeReversesEncode) {
    EXPECT_TRUE(rc::check([] {
        const Instance x = any_instance();
        RC_ASSERT(*validated(x) == x);
        const Result<Instance> back = decode(record(x).fields());
        RC_ASSERT(back.has_value());
        RC_ASSERT(*back == x);
        RC_ASSERT(change(x, *back) == Change::none);
    }));
}

// What one registry lists, another one takes: register_all of a list gives the same instances.
TEST(Laws, AListCanBeRegisteredElsewhere) {
    EXPECT_TRUE(rc::check([] {
        Instance x = any_instance();
        ViewBuilder builder;
        builder.apply(record(x));
        std::string list;
        builder.publish(at_second(0))->append_list(list);
        const auto rows = parse_register_all(list);
        RC_ASSERT(rows.has_value());
        x.owner = {};
        RC_ASSERT(*rows == std::vector<Instance>{x});
    }));
}

// Any damage gives an answer, and what is accepted keeps the rules.
TEST(Laws, TheParserIsTotalOnDamagedBodies) {
    const std::string valid =
        R"({"address":"10.0.0.1:7777","app_name":"ch\u00e9t","version":"v1","incarnation":7,)"
        R"("phase":"running","capacity":40,"sessions":12,"ready_to_close":true,"zone":"eu",)"
        R"("metadata":{"a":[1,2.5,{"b":null}]},"last_update":1763700000.5,"ttl":30})";
    ASSERT_TRUE(parse_instance(valid, {}));
    gossip::Rng rng{20'261'121};
    constexpr std::string_view kSpices = "{}[]\",:\\0-.eE+ntf\n\xff\x00\xc3";
    int accepted = 0;
    for (int round = 0; round < 30'000; ++round) {
        std::string body = valid;
        for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
            const auto at = static_cast<std::size_t>(rng.below(body.size()));
            const char spice = kSpices[static_cast<std::size_t>(rng.below(kSpices.size()))];
            switch (rng.below(4)) {
                case 0:
                    body[at] = spice;
                    break;
                case 1:
                    body.insert(at, 1, spice);
                    break;
                case 2:
                    body.erase(at, 1 + static_cast<std::size_t>(rng.below(8)));
                    break;
                default:
                    body.insert(at, body.substr(at / 2, 16));
                    break;
            }
            if (body.empty()) body = "{";
        }
        for (const Dialect dialect : {Dialect::v1, Dialect::legacy}) {
            const Result<Instance> x = parse_instance(body, {.dialect = dialect});
            if (!x) {
                ASSERT_TRUE(valid_utf8(x.error().message)) << body;
                ASSERT_LT(x.error().message.size(), 500U) << body;
                continue;
            }
            ++accepted;
            ASSERT_TRUE(validated(*x)) << body;
            const Result<Instance> back = decode(record(*x).fields());
            ASSERT_TRUE(back) << body;
        }
        (void)parse_register_all("{\"10.0.0.1\":" + body + "}").has_value();
    }
    EXPECT_GT(accepted, 1000);  // else the damage is too great to test anything
}

// ---- the view against a model

struct ModelNode {
    MemberState state = MemberState::alive;
    std::uint64_t incarnation_ms = 0;
    std::optional<std::int64_t> gone_at;  // second
};

struct ModelRow {
    Instance instance;
    testing::Version version;
    std::uint64_t last_update = 0;
};

class Model {
  public:
    explicit Model(std::uint64_t seed) : rng_(seed) {}

    void step() {
        const std::uint64_t choice = rng_.below(100);
        if (choice < 55)
            put();
        else if (choice < 65)
            erase();
        else if (choice < 72)
            touch();
        else if (choice < 77)
            below_horizon();
        else if (choice < 86)
            change_node();
        else if (choice < 87)
            forget_node();
        else if (choice < 97)
            publish();
        else
            time_ += static_cast<std::int64_t>(rng_.below(40));
        if (rng_.below(2'000) == 0) clear();
    }

    void publish() {
        for (auto& entry : nodes_) {
            ModelNode& node = entry.second;
            const bool gone = node.state >= MemberState::dead;
            if (gone && !node.gone_at) node.gone_at = time_;
            if (!gone) node.gone_at.reset();
        }
        const auto view = builder_.publish(at_second(time_));
        check(*view);
        // Whatever was seen before still says the same.
        old_views_.emplace_back(view, text_of(*view));
        if (old_views_.size() > 8) {
            old_views_.erase(old_views_.begin() +
                             static_cast<std::ptrdiff_t>(rng_.below(old_views_.size())));
        }
        for (const auto& [old, said] : old_views_) ASSERT_EQ(text_of(*old), said);
    }

  private:
    static std::string text_of(const View& view) {
        std::string out;
        view.append_list(out);
        view.append_nodes(out);
        return out;
    }

    std::string pick_address() { return "10.0.0." + std::to_string(rng_.below(250)) + ":1"; }

    void put() {
        ModelRow row;
        Instance& x = row.instance;
        x.address = pick_address();
        x.app_name = std::string("app") + static_cast<char>('a' + rng_.below(3));
        x.version = std::string("v") + static_cast<char>('1' + rng_.below(3));
        x.zone = rng_.below(2) == 0 ? "eu" : "us";
        x.phase = static_cast<Phase>(rng_.below(4));
        x.owner = {1 + rng_.below(6)};  // 6 is never heard of
        x.ttl_s = static_cast<std::uint32_t>(1 + rng_.below(60));
        x.last_update = rng_.below(1000);
        row.version = {.ms = ++clock_ms_, .tombstone = false, .expired = rng_.below(10) == 0};
        row.last_update = x.last_update;
        const gossip::Record written = record(x, row.version);
        builder_.apply(written);
        if (rng_.below(8) == 0) builder_.apply(written);
        rows_[x.address] = row;
    }

    void erase() {
        const std::string address = pick_address();
        Instance x;
        x.address = address;
        builder_.apply(record(x, {.ms = ++clock_ms_, .tombstone = true}));
        rows_.erase(address);
    }

    void touch() {
        const auto row = rows_.find(pick_address());
        if (row == rows_.end()) return;
        const std::uint64_t seen = rng_.below(1000);
        builder_.touch(record(row->second.instance, row->second.version), seen);
        row->second.last_update = std::max(row->second.last_update, seen);
    }

    void below_horizon() {
        const auto row = rows_.find(pick_address());
        if (row == rows_.end()) return;
        builder_.remove(record(row->second.instance, row->second.version));
        rows_.erase(row);
    }

    void change_node() {
        const gossip::NodeId id{1 + rng_.below(5)};
        ModelNode& node = nodes_[id];
        const auto state = static_cast<MemberState>(rng_.below(4));
        // A worse state of this incarnation, or any of the next.
        if (node.incarnation_ms == 0 || state <= node.state) node.incarnation_ms = ++clock_ms_;
        node.state = state;
        // Two changes within one turn: the moment of going is that of the turn's end.
        if (state < MemberState::dead) node.gone_at.reset();
        builder_.apply(testing::node(id, state, node.incarnation_ms));
    }

    void forget_node() {
        const auto node = nodes_.find({1 + rng_.below(5)});
        if (node == nodes_.end()) return;
        builder_.remove(
            testing::node(node->first, node->second.state, node->second.incarnation_ms));
        nodes_.erase(node);
    }

    void clear() {
        builder_.clear();
        rows_.clear();
        nodes_.clear();
    }

    [[nodiscard]] State state_of(const ModelRow& row) const {
        if (row.version.expired) return State::expired;
        const auto node = nodes_.find(row.instance.owner);
        if (node == nodes_.end()) return State::unreachable;
        if (node->second.state == MemberState::suspect) return State::suspect;
        if (node->second.state >= MemberState::dead) {
            return time_ >= *node->second.gone_at + row.instance.ttl_s ? State::expired
                                                                       : State::unreachable;
        }
        constexpr State kOfPhase[] = {State::starting, State::up, State::draining, State::stopped};
        return kOfPhase[static_cast<std::size_t>(row.instance.phase)];
    }

    void check(const View& view) {
        ASSERT_EQ(view.size(), rows_.size());
        std::size_t bytes = 0;
        std::map<State, std::size_t> by_state;
        std::map<std::tuple<std::string, std::string, State>, std::size_t> by_version;
        auto expected = rows_.begin();
        std::optional<std::int64_t> deadline;
        view.for_each("", [&](const Row& row) {
            const ModelRow& model = expected->second;
            EXPECT_EQ(row.address(), expected->first);
            EXPECT_EQ(row.app(), model.instance.app_name);
            EXPECT_EQ(row.version(), model.instance.version);
            EXPECT_EQ(row.zone(), model.instance.zone);
            EXPECT_EQ(row.last_update(), model.last_update);
            EXPECT_EQ(name(row.state()), name(state_of(model)));
            EXPECT_EQ(view.find(row.address()), &row);
            ++by_state[row.state()];
            ++by_version[{std::string(row.app()), std::string(row.version()), row.state()}];
            bytes += row.address().size() + row.fragment().size() + 4;
            const auto node = nodes_.find(row.owner());
            if (row.state() == State::unreachable && node != nodes_.end()) {
                const std::int64_t lapses = *node->second.gone_at + row.ttl_s();
                if (!deadline || lapses < *deadline) deadline = lapses;
            }
            ++expected;
            return true;
        });
        ASSERT_EQ(expected, rows_.end());
        EXPECT_EQ(view.list_bytes(), 2 + bytes - (rows_.empty() ? 0 : 1));
        std::string list;
        view.append_list(list);
        ASSERT_EQ(list.size(), view.list_bytes());
        for (std::size_t i = 0; i < kStates; ++i) {
            EXPECT_EQ(view.count(static_cast<State>(i)), by_state[static_cast<State>(i)]);
        }
        for (const VersionCount& count : view.counts()) {
            for (std::size_t i = 0; i < kStates; ++i) {
                EXPECT_EQ(count.by_state[i],
                          (by_version[{std::string(count.app), std::string(count.version),
                                       static_cast<State>(i)}]));
            }
        }
        EXPECT_EQ(view.nodes().size(), nodes_.size());
        // It may wake the node for nothing, but never too late.
        if (deadline) {
            ASSERT_TRUE(builder_.next_deadline());
            EXPECT_LE(*builder_.next_deadline(), at_second(*deadline).mono);
        }
        for (int i = 0; i < 8; ++i) check_query(view);
    }

    void check_query(const View& view) {
        Filter filter;
        if (rng_.below(2) == 0)
            filter.app = std::string("app") + static_cast<char>('a' + rng_.below(4));
        if (rng_.below(2) == 0)
            filter.version = std::string("v") + static_cast<char>('1' + rng_.below(4));
        if (rng_.below(2) == 0) filter.state = static_cast<State>(rng_.below(kStates));
        if (rng_.below(4) == 0) filter.zone = "eu";
        if (rng_.below(2) == 0) filter.after = pick_address();
        if (rng_.below(2) == 0) filter.limit = static_cast<std::size_t>(rng_.below(20));
        std::vector<std::string> expected;
        for (const auto& [address, row] : rows_) {
            const bool hit = (!filter.app || *filter.app == row.instance.app_name) &&
                             (!filter.version || *filter.version == row.instance.version) &&
                             (!filter.state || *filter.state == state_of(row)) &&
                             (!filter.zone || *filter.zone == row.instance.zone) &&
                             (filter.after.empty() || address > filter.after);
            if (hit && expected.size() < filter.limit) expected.push_back(address);
        }
        std::vector<std::string> found;
        for (const Row* row : view.select(filter)) found.emplace_back(row->address());
        EXPECT_EQ(found, expected);
    }

    gossip::Rng rng_;
    ViewBuilder builder_;
    std::map<std::string, ModelRow> rows_;
    std::map<gossip::NodeId, ModelNode> nodes_;
    std::uint64_t clock_ms_ = 0;
    std::int64_t time_ = 0;
    std::vector<std::pair<std::shared_ptr<const View>, std::string>> old_views_;
};

class ViewLaws : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ViewLaws, TheViewEqualsANaiveModelAfterAnyOperations) {
    Model model{GetParam()};
    for (int i = 0; i < 4'000 && !HasFailure(); ++i) model.step();
    if (!HasFailure()) model.publish();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ViewLaws, ::testing::Range<std::uint64_t>(1, 9));

// Thousands of rows, so that chunks split and join, one at a time and in bulk.
TEST(ViewGrowth, GrowingAndShrinkingOneByOneEqualsABulkBuild) {
    constexpr std::uint64_t kRows = 1'500;
    gossip::Rng rng{7};
    const auto instance = [](std::uint64_t i) {
        Instance x = testing::sample("host-" + std::to_string(i));
        x.version = "v" + std::to_string(i % 3);
        return x;
    };
    ViewBuilder one_by_one;
    std::map<std::uint64_t, bool> present;
    std::uint64_t ms = 0;
    for (std::uint64_t i = 0; i < 4 * kRows; ++i) {
        // Grows in the first half, shrinks in the second.
        const std::uint64_t pick = rng.below(kRows);
        const bool dead = rng.below(4) < (i < 2 * kRows ? 1U : 3U);
        one_by_one.apply(record(instance(pick), {.ms = ++ms, .tombstone = dead}));
        present[pick] = !dead;
        if (i % 3 == 0) (void)one_by_one.publish(at_second(0));
    }
    ViewBuilder bulk;
    for (const auto& [i, live] : present) {
        if (live) bulk.apply(record(instance(i), {.ms = 1}));
    }
    const auto a = one_by_one.publish(at_second(0));
    const auto b = bulk.publish(at_second(0));
    ASSERT_EQ(a->size(), b->size());
    for (const Filter& filter :
         {Filter{}, Filter{.app = "chat"}, Filter{.app = "chat", .version = "v1"},
          Filter{.state = State::unreachable}}) {
        const auto left = a->select(filter);
        const auto right = b->select(filter);
        ASSERT_EQ(left.size(), right.size());
        for (std::size_t i = 0; i < left.size(); ++i) {
            EXPECT_EQ(left[i]->address(), right[i]->address());
        }
    }
}

}  // namespace
}  // namespace registry
