#include "sim/rollout/stage.h"

#include <algorithm>

#include "sim/scenarios/scenario.h"

namespace sim {

using registry::RolloutCommand;

namespace {

constexpr std::uint64_t kSalt = 0x5746;
constexpr Time kTick{500'000};
constexpr Time kSettle{60'000'000};
constexpr Time kNewcomer{40'000'000};
constexpr std::uint64_t kNewcomers = 3;
constexpr Time kEmpty{90'000'000};
// Two heartbeats that were not answered, the third, the fence, the farewell.
constexpr Time kEnd{30'000'000};

}  // namespace

Stage::Stage(World& world, std::uint64_t seed, const CrowdOptions& crowd)
    : world_(world),
      dice_(gossip::mix64(seed ^ kSalt)),
      keys_(registry::TokenKeys::from_name("sim")),
      calls_(world, apis_, dice_),
      witness_(world),
      crowd_({world, calls_, witness_, dice_}, servers_, crowd) {
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        apis_.push_back(std::make_unique<NodeApi>(world, i, keys_, dice_));
    }
    world_.on_start = [this](const SimNode& node) {
        apis_[node.index()]->started();
        witness_.started(node);
    };
    world_.on_publish = [this](const SimNode& node, const gossip::Output& out) {
        apis_[node.index()]->published(out);
        witness_.published(node, out);
    };
    world_.events().after(kTick, [this] { tick(); });
}

Stage::~Stage() {
    world_.on_start = nullptr;
    world_.on_publish = nullptr;
}

// Any node is asked for the watermark, and half a second later what it has heard.
void Stage::tick() {
    world_.events().after(kTick, [this] { tick(); });
    witness_.look();
    const auto answers = [this](std::uint32_t node) {
        return world_.node(node).running() && !world_.node(node).paused();
    };
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        if (answers(i)) (void)apis_[i]->view();
    }
    if (asked_ != kNobody && answers(asked_) && apis_[asked_]->process() == asked_process_) {
        const auto at = apis_[asked_]->watermark();
        if (at) witness_.watermark(*apis_[asked_], *at);
    }
    asked_ = static_cast<std::uint32_t>(dice_.below(world_.size()));
    if (!answers(asked_)) {
        asked_ = kNobody;
        return;
    }
    asked_process_ = apis_[asked_]->process();
    witness_.polled(asked_);
    apis_[asked_]->poll();
}

void Stage::deploy(const std::string& version, std::uint32_t count, std::uint32_t capacity) {
    newest_ = version;
    const std::uint64_t first = dice_.below(world_.size());
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t number = servers_.size() + 1;
        ServerSetup setup;
        setup.address =
            "10.2." + std::to_string(number >> 8) + "." + std::to_string(number & 0xff) + ":9000";
        setup.version = version;
        setup.node = static_cast<std::uint32_t>((first + i) % world_.size());
        setup.capacity = capacity;
        if (dice_.below(3) == 0) setup.warm_up = Time{1'500'000};
        servers_.push_back(std::make_unique<GameServer>(Company{world_, calls_, witness_, dice_},
                                                        std::move(setup)));
        servers_.back()->start();
    }
}

RolloutCommand Stage::promotion(const std::string& version) {
    RolloutCommand command;
    command.kind = RolloutCommand::Kind::promote;
    command.version = version;
    command.force = true;
    return command;
}

bool Stage::command_at(std::uint32_t node, const RolloutCommand& command) {
    if (!world_.node(node).running() || world_.node(node).paused()) return false;
    const std::uint64_t process = apis_[node]->process();
    const auto decided = apis_[node]->decide(command);
    if (!decided || apis_[node]->process() != process) return false;
    witness_.decided(*decided);
    return decided->epoch != 0;
}

bool Stage::command(const RolloutCommand& command) {
    const std::uint64_t first = dice_.below(world_.size());
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        if (command_at(static_cast<std::uint32_t>((first + i) % world_.size()), command)) {
            return true;
        }
    }
    return false;
}

void Stage::set_policy(const registry::Policy& policy) {
    const auto decided = apis_.front()->set_policy(policy);
    if (decided) witness_.decided(*decided);
}

std::uint32_t Stage::alive(std::string_view version) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(servers_, [&](const auto& server) {
        return server->alive() && server->setup().version == version;
    }));
}

std::uint32_t Stage::sessions_on(std::string_view version) const {
    std::uint32_t sum = 0;
    for (const auto& server : servers_) {
        if (server->setup().version == version) sum += server->sessions();
    }
    return sum;
}

// ---- the end

void Stage::finish(Report& report) {
    calls_.slow_ppm = 0;
    settle(world_, report, kSettle);
    RolloutCommand resume;
    resume.kind = RolloutCommand::Kind::resume;
    (void)command(resume);
    if (world_.ok() && witness_.births_are_told) witness_.check_order(*apis_.front());
    last_ = last_alive();
    if (last_.empty()) deploy(last_ = newest_, 1, 0);
    world_.run_for(Time{2'000'000});
    (void)promote(last_);
    world_.run_for(Time{3'000'000});
    if (alive(last_) == 0) deploy(last_, 1, 0);  // its servers were on their way out
    newcomers(report);
    drain(report);
    const bool one = world_.run_until([this] { return one_plan(); }, kSettle, Time{10'000});
    if (world_.ok() && !one) witness_.check_plans(apis_);
    if (world_.ok()) witness_.check_plans(apis_);
    witness_.report(report);
    crowd_.report(report);
    report.add("servers", std::uint64_t{servers_.size()});
    report.add("events", world_.events_happened());
}

// As the plan sees it: two that came at once may be in either order.
std::string Stage::last_alive() {
    const registry::AppRow* app = apis_.front()->app();
    if (app == nullptr) return {};
    for (const auto& version : app->plan.versions) {
        if (alive(version.version) > 0) return version.version;
    }
    return {};
}

// Than what accepts. A newer one is kept, for whoever wants to promote it.
bool Stage::older(std::string_view version) {
    const registry::AppRow* app = apis_.front()->app();
    if (app == nullptr || version == last_) return false;
    const auto& plans = app->plan.versions;
    const auto at = [&plans](std::string_view wanted) {
        return std::ranges::find(plans, wanted, &registry::VersionPlan::version);
    };
    return at(version) > at(last_);
}

// Somebody who comes in times of peace is seated soon.
void Stage::newcomers(Report& report) {
    const std::uint64_t before = witness_.joins();
    const Time start = world_.now();
    const bool seated =
        world_.run_until([this, before] { return witness_.joins() >= before + kNewcomers; },
                         kNewcomer, Time{50'000});
    report.add("newcomers_ms", world_.now() - start);
    if (world_.ok() && !seated) witness_.nobody_seated(*apis_.front());
}

void Stage::drain(Report& report) {
    crowd_.close();
    const auto empty = [this] { return witness_.sessions() == 0; };
    const bool all_over = world_.run_until(empty, kEmpty, Time{100'000});
    report.expect(all_over || !world_.ok(), "sessions go on for ever");
    const auto old_one = [this](const auto& server) {
        return server->alive() && older(server->setup().version);
    };
    const auto ended = [&] { return std::ranges::none_of(servers_, old_one); };
    const Time start = world_.now();
    const bool in_time = world_.run_until(ended, kEnd, Time{100'000});
    report.add("drained_ms", world_.now() - start);
    if (!world_.ok() || in_time) return;
    const auto stuck = std::ranges::find_if(servers_, old_one);
    const ServerSetup& setup = (*stuck)->setup();
    witness_.still_there(setup.address, *apis_[setup.node]);
}

bool Stage::one_plan() {
    if (!world_.agreed()) return false;
    const registry::AppRow* first = apis_.front()->app();
    return std::ranges::all_of(apis_, [first](const auto& api) {
        const registry::AppRow* row = api->app();
        return row && first && row->epoch == first->epoch && row->plan.hash == first->plan.hash;
    });
}

}  // namespace sim
