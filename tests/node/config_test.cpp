#include "node/config.h"

#include <gmock/gmock.h>

#include <fstream>

#include "node/cli/scratch.h"
#include "node/duration.h"

namespace {

using namespace std::chrono_literals;
using node::AgentConfig;
using node::Environment;
using testing::HasSubstr;
using Args = std::vector<std::string>;

AgentConfig loaded(const Args& args, const Environment& environment = {}) {
    auto config = node::load_config(args, environment);
    EXPECT_TRUE(config) << config.error().message;
    return config ? std::move(config).value() : AgentConfig{};
}

std::string refusal(const Args& args, const Environment& environment = {}) {
    const auto config = node::load_config(args, environment);
    return config ? "" : config.error().message;
}

std::string origin(const AgentConfig& config, std::string_view key) {
    for (const auto& o : config.origins) {
        if (o.key == key) return o.value + " from " + o.from;
    }
    return {};
}

class ConfigFile : public testing::Test {
  protected:
    std::string write(const std::string& text) {
        const auto path = dir_.path() / "hearsay.toml";
        std::ofstream(path) << text;
        return path.string();
    }
    node::cli::ScratchDir dir_{"hearsay-config"};
};

TEST(Config, WithoutAnythingIsTheDocumentedDefault) {
    const AgentConfig config = loaded({});
    EXPECT_EQ(to_string(config.http), "127.0.0.1:7700");
    EXPECT_EQ(to_string(config.gossip), "127.0.0.1:7701");
    EXPECT_FALSE(config.advertise);
    EXPECT_TRUE(config.seeds.empty());
    EXPECT_FALSE(config.name.empty());
    EXPECT_EQ(config.fanout, 4U);
    EXPECT_EQ(config.peers, 1U);
    EXPECT_EQ(config.interval, 1s);
    EXPECT_EQ(config.http_threads, 1U);
    EXPECT_EQ(origin(config, "fanout"), "4 from default");
}

TEST(Config, ReadsEveryFlag) {
    const AgentConfig config = loaded({"--http",
                                       "0.0.0.0:80",
                                       "--gossip=[::1]:0",
                                       "--advertise",
                                       "example.org",
                                       "--seed",
                                       "a:1",
                                       "--seed",
                                       "b:2",
                                       "--data",
                                       "/tmp/x",
                                       "--name",
                                       "n-1",
                                       "--fanout",
                                       "6",
                                       "--peers",
                                       "2",
                                       "--interval",
                                       "250ms",
                                       "--cluster",
                                       "blue",
                                       "--log-level",
                                       "warn",
                                       "--http-threads",
                                       "3"});
    EXPECT_EQ(to_string(config.http), "0.0.0.0:80");
    EXPECT_EQ(to_string(config.gossip), "[::1]:0");
    EXPECT_EQ(config.advertise, (node::HostPort{"example.org", 0}));
    ASSERT_EQ(config.seeds.size(), 2U);
    EXPECT_EQ(to_string(config.seeds[1]), "b:2");
    EXPECT_EQ(config.data, "/tmp/x");
    EXPECT_EQ(config.name, "n-1");
    EXPECT_EQ(config.fanout, 6U);
    EXPECT_EQ(config.peers, 2U);
    EXPECT_EQ(config.interval, 250ms);
    EXPECT_EQ(config.cluster, "blue");
    EXPECT_EQ(config.log_level, node::LogLevel::warn);
    EXPECT_EQ(config.http_threads, 3U);
    EXPECT_EQ(origin(config, "seed"), "a:1,b:2 from --seed");
}

TEST_F(ConfigFile, LosesAgainstTheEnvironmentWhichLosesAgainstFlags) {
    const std::string file = write(
        "fanout = 5\npeers = 5\ninterval = \"5s\"\nseed = [\"f:1\", \"f:2\"]\n"
        "log_level = \"error\"\n");
    const Environment environment{{"HEARSAY_CONFIG", file},
                                  {"HEARSAY_PEERS", "6"},
                                  {"HEARSAY_FANOUT", "6"},
                                  {"HEARSAY_SEED", "e:1,e:2,e:3"}};
    const AgentConfig config = loaded({"--fanout", "7"}, environment);
    EXPECT_EQ(config.fanout, 7U);
    EXPECT_EQ(config.peers, 6U);
    EXPECT_EQ(config.interval, 5s);
    EXPECT_EQ(config.seeds.size(), 3U);
    EXPECT_EQ(config.log_level, node::LogLevel::error);
    EXPECT_EQ(origin(config, "fanout"), "7 from --fanout");
    EXPECT_EQ(origin(config, "peers"), "6 from HEARSAY_PEERS");
    EXPECT_EQ(origin(config, "interval"), "5s from " + file + ": interval");
}

TEST(Config, TokenKeysAreAFile) {
    EXPECT_EQ(loaded({}).token_keys, "");
    EXPECT_EQ(loaded({"--token-keys", "/etc/hearsay/keys"}).token_keys, "/etc/hearsay/keys");
}

TEST(Config, ChecksMayGoToTheHostsThatAreNamed) {
    EXPECT_FALSE(loaded({}).checks.any);
    EXPECT_TRUE(loaded({}).checks.hosts.empty());
    const auto named = loaded({"--check-hosts", "10.0.0.2,health.example", "--check-hosts=[::1]"});
    EXPECT_EQ(named.checks.hosts, (std::vector<std::string>{"10.0.0.2", "health.example", "::1"}));
    EXPECT_FALSE(named.checks.any);
    EXPECT_TRUE(loaded({}, {{"HEARSAY_CHECK_HOSTS", "a,any"}}).checks.any);
    for (const std::string text : {"a:80", "[::1]:80", "http://a", "*", "10.0.0.0/8"}) {
        EXPECT_EQ(refusal({"--check-hosts", text}),
                  "--check-hosts: '" + text + "' is neither a host without a port nor any");
    }
}

TEST(Config, AnEmptyVariableIsUnsetAndAForeignOneIsIgnored) {
    const AgentConfig config = loaded(
        {},
        {{"HEARSAY_SEED", ""}, {"HEARSAY_FANOUT", ""}, {"HEARSAY_PORT", "tcp://10.0.0.1:7700"}});
    EXPECT_TRUE(config.seeds.empty());
    EXPECT_EQ(config.fanout, 4U);
}

TEST(Config, NonsenseIsRefusedWithItsPlaceItsValueAndTheRule) {
    EXPECT_EQ(refusal({"--fanout", "99"}), "--fanout: '99' is not a whole number from 2 to 32");
    EXPECT_EQ(refusal({"--peers", "many"}), "--peers: 'many' is not a whole number from 1 to 16");
    EXPECT_EQ(refusal({}, {{"HEARSAY_INTERVAL", "1 s"}}),
              "HEARSAY_INTERVAL: '1 s' is not a duration such as 250ms, 1s, 30m or 2h");
    EXPECT_EQ(refusal({"--interval", "2h"}), "--interval: '2h' is not from 100ms to 1m");
    EXPECT_THAT(refusal({"--http", "7700"}), HasSubstr("--http: '7700' is not HOST:PORT"));
    EXPECT_THAT(refusal({"--gossip", "a:70000"}), HasSubstr("--gossip: 'a:70000'"));
    EXPECT_THAT(refusal({"--seed", "a:1", "--seed", "b:0"}), HasSubstr("'b:0'"));
    EXPECT_THAT(refusal({"--advertise", "0.0.0.0"}), HasSubstr("no address to send to"));
    EXPECT_THAT(refusal({"--name", "a b"}), HasSubstr("--name: 'a b'"));
    EXPECT_THAT(refusal({"--cluster", std::string(65, 'x')}), HasSubstr("1 to 64"));
    EXPECT_THAT(refusal({"--log-level", "loud"}), HasSubstr("none of debug, info, warn"));
    EXPECT_THAT(refusal({"--frobnicate", "1"}), HasSubstr("--frobnicate"));
    EXPECT_NE(refusal({"--fanout"}), "");
    EXPECT_NE(refusal({"stray"}), "");
}

TEST_F(ConfigFile, IsRefusedWithItsPlaceToo) {
    EXPECT_THAT(refusal({"--config", write("fanout = 1\n")}),
                HasSubstr("hearsay.toml: fanout: '1' is not a whole number from 2 to 32"));
    EXPECT_THAT(refusal({"--config", write("fan_out = 4\n")}),
                HasSubstr("hearsay.toml: fan_out is not a setting"));
    EXPECT_THAT(refusal({"--config", write("fanout = true\n")}), HasSubstr("has to be a string"));
    EXPECT_THAT(refusal({"--config", write("a = 1\nfanout = = 4\n")}),
                HasSubstr("hearsay.toml:2: "));
    EXPECT_THAT(refusal({"--config", "/no/such/file"}),
                HasSubstr("--config: '/no/such/file' is not a readable file"));
    EXPECT_THAT(refusal({}, {{"HEARSAY_CONFIG", "/no/such/file"}}), HasSubstr("HEARSAY_CONFIG: "));
}

TEST(Config, BecomesTheConfigOfTheCore) {
    const auto core = gossip_config(
        loaded({"--fanout", "12", "--peers", "3", "--interval", "2s", "--cluster", "blue"}));
    ASSERT_TRUE(core);
    EXPECT_EQ(core->fanout, 12U);
    EXPECT_GE(core->origin_fanout, 12U);
    EXPECT_EQ(core->peers, 3U);
    EXPECT_EQ(core->interval, 2s);
    EXPECT_EQ(core->cluster, "blue");
    EXPECT_EQ(core->key, gossip::derive_key("blue"));
    EXPECT_NE(core->key, gossip::derive_key("hearsay"));
}

TEST(Config, EveryLegalExtremeSuitsTheCore) {
    for (const Args& args : {Args{"--fanout", "2", "--peers", "1", "--interval", "100ms"},
                             Args{"--fanout", "32", "--peers", "16", "--interval", "60s"}}) {
        EXPECT_TRUE(gossip_config(loaded(args)));
    }
}

TEST(Config, HelpNamesEverySetting) {
    const std::string help = node::settings_help();
    for (const auto& o : loaded({}).origins) {
        std::string flag = "--" + o.key;
        std::replace(flag.begin(), flag.end(), '_', '-');
        EXPECT_THAT(help, HasSubstr("  " + flag + " "));
    }
}

TEST(Duration, ReadsAndWritesTheUsualUnits) {
    for (const auto& [text, duration] :
         std::vector<std::pair<std::string, std::chrono::milliseconds>>{
             {"250ms", 250ms}, {"1s", 1s}, {"90s", 90s}, {"30m", 30min}, {"2h", 2h}}) {
        ASSERT_TRUE(node::parse_duration(text)) << text;
        EXPECT_EQ(*node::parse_duration(text), duration) << text;
    }
    EXPECT_EQ(node::duration_text(90s), "90s");
    EXPECT_EQ(node::duration_text(1500ms), "1500ms");
    EXPECT_EQ(node::duration_text(120min), "2h");
    for (const char* text : {"", "s", "1", "-1s", "1.5s", "1 s", "1d", "99999999999s"}) {
        EXPECT_FALSE(node::parse_duration(text)) << text;
    }
}

TEST(Address, ReadsNamesAndBothFamilies) {
    const auto v6 = node::parse_host_port("[2001:db8::1]:7701", false);
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->host, "2001:db8::1");
    EXPECT_EQ(to_string(*v6), "[2001:db8::1]:7701");
    EXPECT_EQ(node::parse_host("::1")->host, "::1");
    EXPECT_EQ(node::parse_host("a.b:5")->port, 5);
    for (const char* text : {"", ":1", "a", "a:", "a:b", "a:1:2", "[::1", "[::1]7", "a b:1"}) {
        EXPECT_FALSE(node::parse_host_port(text, true)) << text;
    }
    EXPECT_FALSE(node::parse_host_port("a:0", false));
    EXPECT_TRUE(node::parse_host_port("a:0", true));
}

TEST(Address, KnowsLiteralsAndWildcards) {
    const auto v4 = node::literal_endpoint({"10.1.2.3", 7});
    ASSERT_TRUE(v4);
    EXPECT_EQ(*v4, gossip::Endpoint::v4(10, 1, 2, 3, 7));
    EXPECT_EQ(to_string(node::host_port(*v4)), "10.1.2.3:7");
    EXPECT_FALSE(node::literal_endpoint({"localhost", 7}));
    EXPECT_TRUE(node::is_wildcard(*node::literal_endpoint({"0.0.0.0", 7})));
    EXPECT_TRUE(node::is_wildcard(*node::literal_endpoint({"::", 7})));
    EXPECT_FALSE(node::is_wildcard(*v4));
    EXPECT_FALSE(node::is_wildcard(node::first_interface(1)));
}

}  // namespace
