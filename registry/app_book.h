#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/record.h"
#include "registry/app.h"
#include "registry/plan.h"
#include "registry/row.h"

namespace registry {

// One application in a View: what operators decided, what there is of it, and what follows.
struct AppRow {
    App app;                             // its name and the defaults if nobody has decided anything
    std::uint64_t epoch = 0;             // of the decision; 0: there is none
    std::vector<VersionFacts> versions;  // in order of version
    Plan plan;

    [[nodiscard]] const VersionFacts* facts(std::string_view version) const;
};

// What nodes call an app when they ask each other what they make of it; never 0.
[[nodiscard]] std::uint64_t topic_of(std::string_view app);

// In order of name; immutable, shared by Views.
using AppRows = std::vector<std::shared_ptr<const AppRow>>;

// Keeps the sums that plans are made of up to date, row by row, and makes anew only the plans of
// apps that have changed: about 1 us per changed row, however many instances an app has.
class AppBook {
  public:
    // A live record or a tombstone of an app or a version; in any order, the greatest counts.
    void apply(const gossip::Record& record);
    // The record fell below the horizon.
    void remove(const gossip::Record& record);
    // A row of the view has changed; one of both may be nullptr.
    void count(const Row* before, const Row* after);
    // Every row and record is void.
    void clear();

    // Makes the plans that are due. True if rows() differ from before.
    [[nodiscard]] bool settle();
    [[nodiscard]] const std::shared_ptr<const AppRows>& rows() const { return rows_; }
    // App and version records that could not be decoded, since the start.
    [[nodiscard]] std::uint64_t undecodable() const { return undecodable_; }

  private:
    struct State {
        std::optional<App> app;
        gossip::Rank rank;  // of the App record, also of a tombstone
        std::map<std::string, VersionFacts, std::less<>> versions;
        std::map<std::string, gossip::Rank, std::less<>> births;  // of versions: their records
        // Of each version: how many live instances have acked which epoch.
        std::map<std::string, std::map<std::uint64_t, std::uint32_t>, std::less<>> acks;
        std::shared_ptr<const AppRow> row;  // as published; nullptr: not listed
    };

    State& touch(std::string_view name);
    VersionFacts& version(State& state, std::string_view version);
    void count(const Row& row, bool plus);
    void apply_app(const gossip::Record& record);
    void apply_birth(const gossip::Record& record);
    static std::shared_ptr<const AppRow> make_row(const std::string& name, const State& state);

    std::map<std::string, State, std::less<>> states_;
    std::set<std::string, std::less<>> changed_;
    std::shared_ptr<const AppRows> rows_ = std::make_shared<const AppRows>();
    std::uint64_t undecodable_ = 0;
};

}  // namespace registry
