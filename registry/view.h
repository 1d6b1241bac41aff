#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "gossip/member.h"
#include "registry/app_book.h"
#include "registry/chunks.h"
#include "registry/instance.h"
#include "registry/row.h"

namespace registry {

// One node of the registry itself.
struct NodeRow {
    gossip::NodeId id;
    std::string name;
    gossip::MemberState state = gossip::MemberState::alive;
    std::string gossip;  // ip:port
    std::string http;    // host:port
    std::uint64_t incarnation_ms = 0;
    gossip::ProtocolRange protocol;
    bool operator==(const NodeRow&) const = default;
};

// Which rows. Empty optionals match everything.
struct Filter {
    std::optional<std::string> app = std::nullopt;
    std::optional<std::string> version = std::nullopt;
    std::optional<State> state = std::nullopt;
    std::optional<std::string> zone = std::nullopt;
    std::string after = {};  // addresses greater than this one: the last of the page before
    std::size_t limit = SIZE_MAX;
};

struct VersionCount {
    std::string_view app;
    std::string_view version;
    std::array<std::size_t, kStates> by_state{};  // index: State
};

// The answer book: everything that a reader may ask, at one moment. Built by ViewBuilder,
// immutable, shared between threads as std::shared_ptr<const View>; Row pointers live as long as
// their View.
class View {
  public:
    // Rises with every View that differs from the one before.
    [[nodiscard]] std::uint64_t revision() const { return revision_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t count(State state) const {
        return by_state_count_[static_cast<std::size_t>(state)];
    }

    // nullptr if there is none. O(log n).
    [[nodiscard]] const Row* find(std::string_view address) const;

    // visit(const Row&) -> bool for rows in order of address, from the first one greater than
    // `after`, until it says false.
    template <class Visit>
    void for_each(std::string_view after, Visit visit) const {
        Cursor<Owner> at{by_address_, [after](const Row& row) {
                             return !after.empty() && row.address() <= after;
                         }};
        for (; at.valid() && visit(*at); at.next()) {
        }
    }

    // visit(const Row&) for the rows of an app, in order of version and address.
    template <class Visit>
    void for_each_of(std::string_view app, Visit visit) const {
        Cursor<const Row*> at{by_app_, [app](const Row& row) { return row.app() < app; }};
        for (; at.valid() && at->app() == app; at.next()) visit(*at);
    }

    // The first `limit` rows that match, in order of address. Looks only at the rows of the app
    // and version, else of the app, else of the state, if the filter names one.
    [[nodiscard]] std::vector<const Row*> select(const Filter& filter) const;

    // Rows per app, version and state, in order of app and version. O(n).
    [[nodiscard]] std::vector<VersionCount> counts() const;

    // The body of GET /registry/list, `{"<address>":<fragment>,...}`: its exact size, and itself.
    [[nodiscard]] std::size_t list_bytes() const;
    void append_list(std::string& out) const;

    // In order of name: apps that have instances, or about which somebody has decided something.
    [[nodiscard]] const AppRows& apps() const { return *apps_; }
    // nullptr if there is none. O(log apps).
    [[nodiscard]] const AppRow* app(std::string_view name) const;

    // Ordered by id, itself included.
    [[nodiscard]] const std::vector<NodeRow>& nodes() const { return *nodes_; }
    // `[{"id":"16 hex digits","name":..,"state":"alive|suspect|dead|left","gossip":"ip:port",
    //    "http":..,"incarnation":<Unix ms>,"protocol":{"min":..,"max":..}},...]`
    void append_nodes(std::string& out) const;

  private:
    friend class ViewBuilder;
    using Owner = std::shared_ptr<const Row>;

    using Group = std::tuple<std::string_view, std::string_view>;  // app, version

    void append_version(const Filter& filter, const Group& group,
                        std::vector<const Row*>& rows) const;

    std::uint64_t revision_ = 0;
    std::size_t size_ = 0;
    std::size_t fragment_bytes_ = 0;  // of all rows, with their addresses
    std::array<std::size_t, kStates> by_state_count_{};
    Chunks<Owner> by_address_;     // keeps the rows alive for the other two
    Chunks<const Row*> by_app_;    // app, version, address
    Chunks<const Row*> by_state_;  // state, address
    std::shared_ptr<const AppRows> apps_ = std::make_shared<const AppRows>();
    std::shared_ptr<const std::vector<NodeRow>> nodes_ =
        std::make_shared<const std::vector<NodeRow>>();
};

// `[<fragment>,...]`
void append_rows(std::string& out, std::span<const Row* const> rows);

// ip:port; IPv4 dotted, IPv6 in brackets.
[[nodiscard]] std::string to_text(const gossip::Endpoint& endpoint);

}  // namespace registry
