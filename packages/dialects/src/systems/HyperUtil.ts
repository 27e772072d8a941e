/**
 * hyper-util's legacy client (and so reqwest's): the options of `client::legacy::Builder`, named as its methods are.
 *
 * Its trait: idle connections are all it counts; open ones have no limit, and nobody waits.
 */
import { anything, count, flag, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"

const http2 = { why: "connections speak HTTP/1.1 only", todo: "leave it out" }
const duration = time({ hasUnits: true, zero: "error" })

export const hyper = make({
  id: "hyper",
  title: "hyper-util",
  versions: ["0.1"],
  keys: [
    {
      name: "pool_idle_timeout",
      codec: time({ hasUnits: true, isNullNever: true }),
      byDefault: "90s",
      to: "pool.idleTimeout",
      cite: "hyper-util client/legacy/client.rs:1043-1075"
    },
    {
      name: "pool_max_idle_per_host",
      codec: count(),
      to: "pool.idlePerRouteMax",
      note: "0 switches pooling off, as it does there",
      cite: "hyper-util client/legacy/client.rs:1090-1096 (usize::MAX)"
    },
    {
      name: "pool_timer",
      codec: flag(),
      means: "idle connections are always closed in time, with a timer or without",
      cite: "hyper-util client/legacy/pool.rs:425-461"
    },
    {
      name: "retry_canceled_requests",
      codec: flag({ true: 100, false: 0 }),
      byDefault: true,
      to: "http.retryCountMax",
      note: "hyper repeats what was never sent, without a bound; here the bound is 100, and idempotent calls are repeated too",
      cite: "hyper-util client/legacy/client.rs:1583-1598"
    },
    {
      name: "set_host",
      codec: flag(),
      byDefault: true,
      isHonoured: (value) => value === true,
      loss: { why: "a request without Host would not be HTTP/1.1", todo: "leave it out" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_max_buf_size",
      codec: count(),
      to: "http.bodyBufferByteCount",
      note: "it is what is kept of a body that nobody reads yet",
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_read_buf_exact_size",
      codec: count(),
      loss: { why: "the runtime sizes its reads", todo: "leave it out" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_writev",
      codec: flag(),
      loss: { why: "the runtime decides how it writes", todo: "leave it out" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_title_case_headers",
      codec: flag(),
      loss: { why: "names are sent as the caller writes them", todo: "write them as they shall be sent" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_preserve_header_case",
      codec: flag(),
      loss: { why: "names are sent as the caller writes them", todo: "leave it out" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_max_headers",
      codec: count(),
      loss: { why: "the limits of heads stand in http.limits", todo: "set http.limits beside from" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_allow_spaces_after_header_name_in_responses",
      codec: flag(),
      isHonoured: (value) => value === false,
      loss: { why: "what can be read in two ways is refused", todo: "leave it out, and mend the server" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_allow_obsolete_multiline_headers_in_responses",
      codec: flag(),
      isHonoured: (value) => value === false,
      loss: { why: "what can be read in two ways is refused", todo: "leave it out, and mend the server" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http1_ignore_invalid_headers_in_responses",
      codec: flag(),
      isHonoured: (value) => value === false,
      loss: { why: "what can be read in two ways is refused", todo: "leave it out, and mend the server" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http09_responses",
      codec: flag(),
      isHonoured: (value) => value === false,
      loss: { why: "HTTP/0.9 is not understood", todo: "leave it out" },
      cite: "hyper-util client/legacy/client.rs"
    },
    {
      name: "http2_only",
      codec: flag(),
      isHonoured: (value) => value === false,
      loss: http2,
      cite: "hyper-util client/legacy/client.rs"
    },
    ...[
      "http2_initial_stream_window_size",
      "http2_initial_connection_window_size",
      "http2_adaptive_window",
      "http2_max_frame_size",
      "http2_keep_alive_interval",
      "http2_keep_alive_timeout",
      "http2_keep_alive_while_idle",
      "http2_max_concurrent_reset_streams",
      "http2_max_send_buf_size",
      "http2_initial_max_send_streams",
      "http2_max_header_list_size"
    ].map((name) => ({ name, codec: anything, loss: http2, cite: "hyper-util client/legacy/client.rs:1446-1495" })),
    {
      name: "connector.connect_timeout",
      codec: duration,
      to: "pool.connectTimeout",
      cite: "hyper-util client/legacy/connect/http.rs set_connect_timeout (none)"
    },
    {
      name: "connector.local_address",
      codec: text,
      to: "localAddress",
      cite: "hyper-util client/legacy/connect/http.rs"
    },
    {
      name: "connector.nodelay",
      codec: flag(),
      isHonoured: (value) => value === true,
      loss: { why: "small writes are always sent at once", todo: "leave it out" },
      cite: "hyper-util client/legacy/connect/http.rs"
    },
    {
      name: "connector.keepalive",
      codec: duration,
      loss: { why: "connections are always probed by TCP after 60 s of silence", todo: "leave it out" },
      cite: "hyper-util client/legacy/connect/http.rs"
    },
    {
      name: "connector.happy_eyeballs_timeout",
      codec: duration,
      loss: { why: "the runtime decides when it tries the next address", todo: "leave it out" },
      cite: "hyper-util client/legacy/connect/http.rs (300 ms)"
    },
    {
      name: "connector.reuse_address",
      codec: flag(),
      loss: { why: "it has a meaning for servers only", todo: "leave it out" },
      cite: "hyper-util client/legacy/connect/http.rs"
    }
  ],
  always: { knobs: { "pool.leaseOrder": "lifo" }, cite: "hyper-util client/legacy/pool.rs:299-339" },
  isTelling: (path) =>
    /^(pool_idle_timeout|pool_max_idle_per_host|pool_timer|retry_canceled_requests|http[12]_|connector\.)/.test(path),
  form: "yaml"
})
