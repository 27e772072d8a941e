-- What wrk saw, as one line of JSON behind `seen`, times in microseconds.
--
-- wrk adds calls for those that it would have made while an answer was late. It puts some of them below the shortest time
-- that it measured, where its own percentiles do not look, and then the highest of them come out as 0. So percentiles are
-- taken here of the part that it does look at.
function done(summary, latency, requests)
  local seen = 100
  if latency:percentile(99.9999) == 0 then
    local unseen = 100
    seen = 0
    while unseen - seen > 0.001 do
      local middle = (seen + unseen) / 2
      if latency:percentile(middle) == 0 then unseen = middle else seen = middle end
    end
  end
  local fields = {
    string.format('"requestCount":%d', summary.requests),
    string.format('"durationMicros":%d', summary.duration)
  }
  local errors = summary.errors
  table.insert(
    fields,
    string.format('"badCount":%d', errors.status + errors.timeout + errors.connect + errors.read + errors.write)
  )
  if summary.requests > 0 then
    for name, share in pairs({ p50Micros = 0.5, p99Micros = 0.99, p999Micros = 0.999 }) do
      table.insert(fields, string.format('"%s":%d', name, latency:percentile(share * seen)))
    end
  end
  io.write("seen {" .. table.concat(fields, ",") .. "}\n")
end
