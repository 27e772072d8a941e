/**
 * Go's net/http `Transport`, its fields as JSON: durations as numbers of nanoseconds, as Go's own encoding writes them,
 * or as text (`90s`).
 *
 * Its traits: two idle connections are kept for a host, and who waits on `MaxConnsPerHost` waits without end.
 */
import { anything, count, flag, text, time } from "../Codec.ts"
import { make } from "../Dialect.ts"
import type { Key } from "../Key.ts"

const duration = time({ bare: "nanoseconds", hasUnits: true, zero: "unlimited" })
const source = (lines: string) => `go net/http transport.go:${lines}`

/** In the struct itself, and in `http.DefaultTransport`, which most programs use. */
const byVersion = <A extends number | boolean | string>(zeroValue: A, defaultTransport: A) => ({
  DefaultTransport: defaultTransport,
  "Transport{}": zeroValue
})

const headers = { why: "they belong to the caller", todo: "send them with the request" }

const keys: ReadonlyArray<Key> = [
  {
    name: "MaxIdleConns",
    codec: count({ zero: "unlimited", negative: "unlimited" }),
    byDefault: byVersion(0, 100),
    to: "pool.idleMax",
    cite: source("194, 983-989")
  },
  {
    name: "MaxIdleConnsPerHost",
    codec: count({ negative: "unlimited" }),
    byDefault: 0,
    means: "`pool.idlePerRouteMax`; 0 is 2, and a negative number switches reuse off",
    writes: "pool.idlePerRouteMax",
    use: (value, { get }) => {
      if (value === "unlimited") return { knobs: { "pool.idlePerRouteMax": 0 } }
      const kept = value === 0 ? 2 : value
      const total = get("MaxIdleConns")
      const isBeyond = typeof total === "number" && typeof kept === "number" && kept > total
      return {
        knobs: { "pool.idlePerRouteMax": kept },
        ...(isBeyond ? { note: `MaxIdleConns ${total} keeps fewer than the ${kept} of one host` } : {})
      }
    },
    cite: source("58, 199, 913, 975")
  },
  {
    name: "MaxConnsPerHost",
    codec: count({ zero: "unlimited", negative: "unlimited" }),
    byDefault: 0,
    to: "pool.connectionsPerRouteMax",
    note: "who waits for it waits without end, unless the call has a deadline",
    cite: source("206, 1416-1442")
  },
  {
    name: "IdleConnTimeout",
    codec: duration,
    byDefault: byVersion(0, 90_000_000_000),
    to: "pool.idleTimeout",
    cite: source("212, 994-1000")
  },
  {
    name: "ResponseHeaderTimeout",
    codec: duration,
    byDefault: 0,
    to: "http.responseHeadTimeout",
    cite: source("218, 2629-2650")
  },
  {
    name: "ExpectContinueTimeout",
    codec: time({ bare: "nanoseconds", hasUnits: true }),
    byDefault: byVersion(0, 1_000_000_000),
    to: "http.expectContinueTimeout",
    cite: source("227, 2291-2301")
  },
  {
    name: "Dialer.Timeout",
    codec: duration,
    byDefault: byVersion<number | string>(0, 30_000_000_000),
    to: "pool.connectTimeout",
    note: "Go gives TLS a time limit of its own; here both are one",
    cite: source("45-48")
  },
  {
    name: "Dialer.KeepAlive",
    codec: anything,
    loss: { why: "connections are always probed by TCP after 60 s of silence", todo: "leave it out" },
    cite: source("45-48")
  },
  { name: "Dialer.LocalAddr", codec: text, to: "localAddress", cite: "go net Dialer" },
  {
    name: "Dialer.FallbackDelay",
    codec: anything,
    loss: { why: "the runtime decides when it tries the next address", todo: "leave it out" },
    cite: "go net Dialer (300 ms)"
  },
  {
    name: "TLSHandshakeTimeout",
    codec: duration,
    loss: {
      why: "a dial with all its phases has one time limit",
      todo: "have Dialer.Timeout, which becomes pool.connectTimeout, cover the handshake too"
    },
    cite: source("173, 52 (10 s in DefaultTransport)")
  },
  {
    name: "DisableKeepAlives",
    codec: flag(),
    byDefault: false,
    means: "`pool.mode` disabled, where it is true",
    use: (value) => (value === true ? { knobs: { "pool.mode": "disabled" } } : {}),
    cite: source("180-190")
  },
  {
    name: "DisableCompression",
    codec: flag({ true: false, false: true }),
    byDefault: false,
    to: "http.isDecoding",
    cite: source("180-190")
  },
  {
    name: "MaxResponseHeaderBytes",
    codec: count(),
    loss: { why: "the limits of heads stand in http.limits", todo: "set http.limits beside from" },
    cite: source("260, 1915-1920 (10 MiB)")
  },
  {
    name: "WriteBufferSize",
    codec: count(),
    loss: { why: "the runtime sizes its writes", todo: "leave it out" },
    cite: source("265")
  },
  {
    name: "ReadBufferSize",
    codec: count(),
    loss: { why: "the runtime sizes its reads", todo: "leave it out" },
    cite: source("293")
  },
  {
    name: "ForceAttemptHTTP2",
    codec: flag(),
    isHonoured: (value) => value === false,
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave it out" },
    cite: source("229-283")
  },
  {
    name: "Protocols.**",
    codec: anything,
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave it out" },
    cite: "go 1.24 net/http Transport.Protocols"
  },
  {
    name: "HTTP2.**",
    codec: anything,
    loss: { why: "connections speak HTTP/1.1 only", todo: "leave it out" },
    cite: "go 1.24 net/http Transport.HTTP2"
  },
  {
    name: "Proxy",
    codec: text,
    byDefault: { DefaultTransport: "ProxyFromEnvironment" },
    means: "`proxy`; ProxyFromEnvironment is `environment`",
    use: (value) => ({ knobs: { proxy: value === "ProxyFromEnvironment" ? "environment" : value } }),
    cite: source("45-53")
  },
  { name: "ProxyConnectHeader.**", codec: anything, loss: headers, cite: source("240") },
  { name: "TLSClientConfig.ServerName", codec: text, to: "tls.serverName", cite: "go crypto/tls Config" },
  {
    name: "TLSClientConfig.InsecureSkipVerify",
    codec: flag({ true: "unverified", false: "full" }),
    to: "tls.verification",
    cite: "go crypto/tls Config"
  },
  {
    name: "TLSClientConfig.**",
    codec: anything,
    loss: { why: "it has no counterpart that a text could hold", todo: "set tls beside from" },
    cite: "go crypto/tls Config"
  }
]

export const go = make({
  id: "go",
  title: "Go net/http",
  versions: ["DefaultTransport", "Transport{}"],
  keys,
  always: {
    knobs: { "pool.leaseOrder": "lifo", "http.retryCountMax": 100 },
    cite: source(
      "1033-1072 (order), 685-730 (a call is repeated as often as it meets a connection that the server had closed)"
    )
  },
  isTelling: (path) =>
    /^(MaxIdleConns|MaxIdleConnsPerHost|MaxConnsPerHost|IdleConnTimeout|DisableKeepAlives|TLSHandshakeTimeout|ResponseHeaderTimeout)$/.test(
      path
    ),
  form: "json"
})
