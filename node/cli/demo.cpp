#include "node/cli/demo.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "node/cli/commands.h"
#include "node/cli/demo_cluster.h"
#include "node/cli/screen.h"
#include "node/cli/signals.h"
#include "node/exit_codes.h"

namespace node::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPeriod = 100ms;     // between two looks
constexpr milliseconds kPatience = 60s;     // for one step, when there is no limit
constexpr milliseconds kLongestPause = 2s;  // for people, between two steps

enum class Outcome { seen, missed, interrupted };

// The demo's story, step by step. The last node is the victim; the first is the seed, and the one
// whose view is shown.
class Story {
  public:
    Story(DemoCluster& cluster, StopSignals& signals, const DemoOptions& options)
        : cluster_(cluster),
          signals_(signals),
          victim_(cluster.nodes().size() - 1),
          begin_(Clock::now()),
          limit_(options.limit) {}

    Outcome tell() {
        const std::string count = std::to_string(cluster_.nodes().size());
        screen_.say("Starting " + count + " nodes, and an application at each of them.");
        if (const auto o = until("all nodes agree", [this] { return whole(); });
            o != Outcome::seen) {
            return o;
        }
        screen_.say("All " + count + " nodes give the same list. See for yourself:");
        invite();
        if (pause() == Outcome::interrupted) return Outcome::interrupted;

        const std::string victim = cluster_.nodes()[victim_].name;
        screen_.say("Killing " + victim + " with SIGKILL: it cannot say goodbye.");
        cluster_.kill_node(victim_);
        if (const auto o = until("the others notice", [this] { return noticed(); });
            o != Outcome::seen) {
            return o;
        }
        screen_.say("Every other node lists the instance of " + victim + " as unreachable.");
        if (pause() == Outcome::interrupted) return Outcome::interrupted;

        screen_.say("Restarting " + victim + " on its old data.");
        if (const auto problem = cluster_.start_node(victim_)) {
            complain(problem->message);
            return Outcome::missed;
        }
        const auto o = until("the cluster recovers", [this] { return whole(); });
        if (o == Outcome::seen) {
            screen_.say("Recovered: all " + count + " nodes give the same list again.");
        }
        return o;
    }

    // Shows the table until somebody stops us.
    void stay() {
        screen_.say("The cluster stays up. Ctrl-C ends it.");
        while (!stopped()) look();
    }

  private:
    // Every node runs, knows all the others and every instance, and gives the list of the first.
    bool whole() {
        const auto& nodes = cluster_.nodes();
        const Look& first = nodes[0].look;
        const auto up = [](const auto& row) { return row.second.state == "up"; };
        const auto alive = [](const auto& row) { return row.second.state == "alive"; };
        return first.instances.size() == cluster_.apps().size() &&
               std::all_of(nodes.begin(), nodes.end(), [&](const DemoNode& node) {
                   const Look& look = node.look;
                   return look.agreed(static_cast<unsigned>(nodes.size())) &&
                          look.instances == first.instances && look.nodes.size() == nodes.size() &&
                          std::all_of(look.nodes.begin(), look.nodes.end(), alive) &&
                          std::all_of(look.instances.begin(), look.instances.end(), up);
               });
    }

    // Every survivor says that the victim is gone, and so does its word for the instance there.
    bool noticed() {
        const auto& nodes = cluster_.nodes();
        const std::string& name = nodes[victim_].name;
        const std::string& address = cluster_.apps()[victim_].address;
        return std::all_of(nodes.begin(), nodes.end() - 1, [&](const DemoNode& node) {
            const auto member = node.look.nodes.find(name);
            const auto instance = node.look.instances.find(address);
            return member != node.look.nodes.end() && member->second.state == "dead" &&
                   instance != node.look.instances.end() && instance->second.state == "unreachable";
        });
    }

    // A nodes' list may lag behind another's for a moment: that is shown, not hidden.
    std::string agreement() {
        const auto& nodes = cluster_.nodes();
        const auto running = std::count_if(nodes.begin(), nodes.end(),
                                           [](const DemoNode& node) { return node.expected; });
        const auto same = std::count_if(nodes.begin(), nodes.end(), [&](const DemoNode& node) {
            return node.expected && node.look.answered &&
                   node.look.instances == nodes[0].look.instances;
        });
        return std::to_string(same) + " of " + std::to_string(running) +
               " running nodes give the same list";
    }

    void look() {
        cluster_.refresh();
        const Look& first = cluster_.nodes()[0].look;
        if (!first.answered) return;
        Picture picture;
        std::map<std::string, std::string> names;  // of nodes, by id
        for (const auto& [name, node] : first.nodes) {
            picture.nodes[name] = {node.state, node.http};
            names[node.id] = name;
        }
        for (const auto& [address, instance] : first.instances) {
            picture.instances[address] = {instance.app, instance.version, instance.state,
                                          names[instance.owner]};
        }
        picture.agreement = agreement();
        screen_.show(picture);
    }

    Outcome until(const std::string& what, const std::function<bool()>& seen) {
        const auto deadline = limit_ ? begin_ + *limit_ : Clock::now() + kPatience;
        for (;;) {
            look();
            if (seen()) return Outcome::seen;
            if (const auto accident = cluster_.accident()) {
                complain(*accident);
                return Outcome::missed;
            }
            if (Clock::now() >= deadline) {
                complain("not seen in time: " + what);
                return Outcome::missed;
            }
            if (stopped()) return Outcome::interrupted;
        }
    }

    // Time for people to look, within the limit.
    Outcome pause() {
        const auto end =
            Clock::now() + (limit_ ? std::min(kLongestPause, *limit_ / 20) : kLongestPause);
        while (Clock::now() < end) {
            if (stopped()) return Outcome::interrupted;
            look();
        }
        return Outcome::seen;
    }

    void invite() {
        for (const auto& node : cluster_.nodes()) {
            screen_.say("  curl -s http://" + node.http + "/registry/list");
        }
    }

    // A closed stdout (`hearsay demo | head -3`) stops us like Ctrl-C.
    bool stopped() { return signals_.wait(kPeriod) || std::ferror(stdout) != 0; }

    DemoCluster& cluster_;
    StopSignals& signals_;
    Screen screen_;
    std::size_t victim_;
    Clock::time_point begin_;
    std::optional<milliseconds> limit_;
};

}  // namespace

int run_demo(const DemoOptions& options) {
    StopSignals signals;
    auto cluster = DemoCluster::start(options.nodes);
    if (!cluster) {
        complain(cluster.error().message);
        return kFailed;
    }
    Story story(**cluster, signals, options);
    const Outcome outcome = story.tell();
    if (outcome == Outcome::seen && !options.limit) story.stay();
    if (outcome == Outcome::interrupted) complain("stopped before the end of the story");
    return outcome == Outcome::seen ? kOk : kFailed;
}

}  // namespace node::cli
