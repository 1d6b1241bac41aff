#include <benchmark/benchmark.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "gossip/random.h"
#include "gossip/record.h"
#include "gossip/sketch.h"
#include "gossip/table.h"

// Costs of the operations that happen per record and per datagram. protocol.md gives the targets.

namespace {

using namespace gossip;

constexpr HashKey kKey{1, 2};
constexpr Wall::time_point kNow{std::chrono::milliseconds{1'700'000'000'000}};
constexpr std::size_t kRecordBytes = 150;

// An instance as an application of the usual size writes it.
Record make_record(std::uint64_t number, std::uint64_t stamp_ms) {
    const std::string key = "10." + std::to_string(number >> 16 & 255) + "." +
                            std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255) +
                            ":" + std::to_string(8000 + (number >> 24));
    RecordFields fields;
    fields.stamp = Stamp::at_ms(stamp_ms);
    fields.owner = {number % 100 + 1};
    fields.last_update = 1'700'000'000;
    fields.ttl_s = 30;
    fields.key = key;
    const std::size_t bare = Record::encoded_size(fields);
    const std::string value(kRecordBytes - bare, 'v');
    fields.value = value;
    return Record::make(fields, kKey);
}

std::vector<Record> make_records(std::size_t count) {
    std::vector<Record> records;
    records.reserve(count);
    const auto now = static_cast<std::uint64_t>(kNow.time_since_epoch().count());
    for (std::size_t i = 0; i < count; ++i) records.push_back(make_record(i, now));
    return records;
}

void siphash_of_a_record(benchmark::State& state) {
    const Record record = make_record(1, 1);
    while (state.KeepRunning()) benchmark::DoNotOptimize(siphash(kKey, record.bytes()));
}
BENCHMARK(siphash_of_a_record);

void record_parse(benchmark::State& state) {
    const Record record = make_record(1, 1);
    while (state.KeepRunning()) benchmark::DoNotOptimize(Record::parse(record.bytes()));
}
BENCHMARK(record_parse);

void sketch_toggle(benchmark::State& state) {
    Sketch sketch{static_cast<std::uint32_t>(state.range(0))};
    Rng rng{1};
    while (state.KeepRunning()) sketch.toggle(rng.next());
    benchmark::DoNotOptimize(sketch.fingerprint());
}
BENCHMARK(sketch_toggle)->Arg(256)->Arg(32'768);

// New keys into a growing table; per record, destruction included.
void merge_fresh(benchmark::State& state) {
    const auto records = make_records(static_cast<std::size_t>(state.range(0)));
    while (state.KeepRunning()) {
        Table table{{.key = kKey}};
        for (const Record& record : records) table.merge(record, kNow);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(merge_fresh)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// What every copy of a flooded record but the first costs: parse, digest, look up.
void consider_known(benchmark::State& state) {
    const auto records = make_records(static_cast<std::size_t>(state.range(0)));
    Table table{{.key = kKey}};
    for (const Record& record : records) table.merge(record, kNow);
    Rng rng{1};
    while (state.KeepRunning()) {
        const Bytes bytes = records[rng.below(records.size())].bytes();
        const auto fields = Record::parse(bytes);
        const std::uint64_t digest = Record::digest_of(bytes, kKey);
        benchmark::DoNotOptimize(table.consider(*fields, digest, kNow));
    }
}
BENCHMARK(consider_known)->Arg(10'000)->Arg(1'000'000);

// The decoder alone, in chunks as a stream brings them; per difference.
void peel(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    Sketch sketch{static_cast<std::uint32_t>(count * 2 + 96)};
    Rng rng{1};
    for (std::size_t i = 0; i < count; ++i) sketch.toggle(rng.next());
    std::size_t used = 0;
    while (state.KeepRunning()) {
        Peeler peeler;
        for (used = 0; !peeler.complete() && used + 64 <= sketch.cells().size(); used += 64) {
            peeler.add(sketch.cells().subspan(used, 64));
        }
        if (!peeler.complete()) state.SkipWithError("the difference did not decode");
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.counters["cells"] = static_cast<double>(used) / static_cast<double>(count);
}
BENCHMARK(peel)->Arg(12)->Arg(48)->Arg(1'000)->Arg(50'000);

void horizon_sweep(benchmark::State& state) {
    const auto records = make_records(static_cast<std::size_t>(state.range(0)));
    Table table{{.key = kKey}};
    for (const Record& record : records) table.merge(record, kNow);
    std::uint64_t ms = 1;
    while (state.KeepRunning()) {
        table.merge(make_record(records.size(), ms), kNow);
        std::vector<Record> removed;
        table.raise_horizon(ms++, removed);
        if (removed.size() != 1) state.SkipWithError("nothing was removed");
    }
}
BENCHMARK(horizon_sweep)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// Not a time: heap bytes of a table per row of 150 B, with records, slots and both indexes.
void memory_per_row(benchmark::State& state) {
    const auto count = static_cast<std::size_t>(state.range(0));
    while (state.KeepRunning()) {
        const auto in_use = [] {
            const struct mallinfo2 info = mallinfo2();
            return info.uordblks + info.hblkhd;
        };
        const std::size_t before = in_use();
        Table table{{.key = kKey}};
        for (std::size_t i = 0; i < count; ++i) {
            table.merge(make_record(i, static_cast<std::uint64_t>(kNow.time_since_epoch().count())),
                        kNow);
        }
        const std::size_t after = in_use();
        state.counters["bytes_per_row"] =
            static_cast<double>(after - before) / static_cast<double>(count);
    }
}
BENCHMARK(memory_per_row)->Arg(1'000'000)->Arg(1'600'000)->Iterations(1);

}  // namespace

BENCHMARK_MAIN();
