-- For wrk: the figures of a run as one line of JSON.
function done(summary, latency, requests)
    local e = summary.errors
    print(string.format(
        '{"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.4f, "p99_ms": %.4f, ' ..
        '"max_ms": %.4f, "errors": %d}',
        summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, latency.max / 1e3,
        e.connect + e.read + e.write + e.status + e.timeout))
end
