-- Prints what wrk measured as one line of JSON; latencies in microseconds. Only `done` is defined, so the load itself
-- runs without Lua; with two arguments each connection pauses before a request, for so many milliseconds at least and at most.
function init(args)
  if args[2] then
    function delay() return math.random(args[1], args[2]) end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'report {"requests":%d,"bytes":%d,"durationUs":%d,"meanUs":%.1f,"p50Us":%d,"p90Us":%d,"p99Us":%d,"p999Us":%d,"maxUs":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.bytes, summary.duration,
    latency.mean, latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
