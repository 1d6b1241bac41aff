#include <benchmark/benchmark.h>

#include <string>

#include "registry/app_book.h"
#include "registry/selection.h"
#include "registry/view_builder.h"

// Costs of plans and placements. What a plan costs must not depend on how many instances an app
// has.

namespace {

using namespace registry;

const gossip::HashKey kKey{1, 2};
constexpr gossip::NodeId kOwner{7};

gossip::Record make_row(std::uint32_t number, std::uint32_t sessions, std::uint64_t ms) {
    Instance x;
    x.address =
        "10.8." + std::to_string(number >> 8) + "." + std::to_string(number & 255) + ":7000";
    x.app_name = "arena";
    x.version = "v" + std::to_string(number % 3);
    x.capacity = 100;
    x.sessions = sessions;
    x.last_update = 1'763'700'000;
    const gossip::LocalWrite write = encode(x);
    gossip::RecordFields fields;
    fields.stamp = gossip::Stamp::at_ms(ms);
    fields.owner = kOwner;
    fields.last_update = write.last_update;
    fields.ttl_s = write.ttl_s;
    fields.key = write.key;
    fields.value = write.value;
    return gossip::Record::make(fields, kKey);
}

ViewBuilder filled(std::uint32_t count) {
    ViewBuilder builder;
    gossip::NodeRecord node;
    node.id = kOwner;
    node.incarnation_ms = 1;
    node.state = gossip::MemberState::alive;
    node.info.name = "node";
    node.info.gossip = gossip::Endpoint::v4(10, 0, 0, 1, 7701);
    node.info.http = "10.0.0.1:7700";
    builder.apply(gossip::encode(node, kKey));
    for (std::uint32_t i = 0; i < count; ++i) builder.apply(make_row(i, i % 90, 1));
    return builder;
}

// Sums over all rows and the plan, from nothing.
void plan_from_nothing(benchmark::State& state) {
    ViewBuilder builder = filled(static_cast<std::uint32_t>(state.range(0)));
    const auto view = builder.publish({});
    while (state.KeepRunning()) {
        AppBook book;
        view->for_each_of("arena", [&book](const Row& row) { book.count(nullptr, &row); });
        benchmark::DoNotOptimize(book.settle());
    }
}
BENCHMARK(plan_from_nothing)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

// One instance has another number of sessions: a new View, its sums and its plan.
void view_and_plan_after_one_change(benchmark::State& state) {
    const auto count = static_cast<std::uint32_t>(state.range(0));
    ViewBuilder builder = filled(count);
    benchmark::DoNotOptimize(builder.publish({}));
    std::uint64_t ms = 2;
    while (state.KeepRunning()) {
        builder.apply(make_row(static_cast<std::uint32_t>(ms) % count,
                               static_cast<std::uint32_t>(ms) % 89, ms));
        benchmark::DoNotOptimize(builder.publish({}));
        ++ms;
    }
}
BENCHMARK(view_and_plan_after_one_change)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void seat_map(benchmark::State& state) {
    ViewBuilder builder = filled(static_cast<std::uint32_t>(state.range(0)));
    const auto view = builder.publish({});
    while (state.KeepRunning()) benchmark::DoNotOptimize(SeatMap{view, "arena"});
}
BENCHMARK(seat_map)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void placement(benchmark::State& state) {
    ViewBuilder builder = filled(static_cast<std::uint32_t>(state.range(0)));
    const SeatMap seats{builder.publish({}), "arena"};
    if (seats.open().empty()) state.SkipWithError("nobody accepts");
    Seeker seeker;
    while (state.KeepRunning()) {
        ++seeker.chance;
        benchmark::DoNotOptimize(seats.choose(seeker));
    }
}
BENCHMARK(placement)->Arg(1'000)->Arg(10'000);

}  // namespace
