/**
 * The command line as a process: its output, its exit statuses, its signals.
 */
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../test/support/Leaks.ts"
import { listening } from "../../../test/support/Listening.ts"
import { call } from "./support/call.ts"
import { serviceYaml } from "./support/gateway.ts"
import { runGateway, startGateway } from "./support/program.ts"
import { dial, makeRawUpstream } from "./support/RawPeer.ts"
import { anyPorts, folderOf, portsOf, serving } from "./support/serving.ts"
import { makeUpstream } from "./support/upstream.ts"

expectNothingLeft()

/** A port that is taken for as long as the scope lasts. */
const takenPort = Effect.suspend(() => listening(createServer()))

describe("the experiment", () => {
  it.live("prints nothing but its runs on standard output with --json, and leaves with status 0", () =>
    Effect.gen(function* () {
      const { status, stderr, stdout } = yield* runGateway("--exit", "--json", ...anyPorts)
      assert.strictEqual(status, 0, stderr)
      const { runs } = JSON.parse(stdout)
      assert.deepStrictEqual(Object.keys(JSON.parse(stdout)), ["runs"])
      const shapes = runs.map((run: Record<string, unknown>) => [run["rule"], run["concurrency"], run["requests"]])
      assert.deepStrictEqual(shapes, [
        [true, 10, 100],
        [true, 20, 200],
        [true, 30, 300],
        [false, 10, 100],
        [false, 20, 200],
        [false, 30, 300]
      ])
      const published = runs.slice(0, 3).map((run: Record<string, unknown>) => run["published"])
      assert.deepStrictEqual(published, [
        { "503": 25, socketsUsed: 35 },
        { "503": 48.5, socketsUsed: 112 },
        { "503": 60, socketsUsed: 202 }
      ])
      for (const run of runs) {
        const { codes, latencyMillis, qps, requests, rule, socketsUsed } = run
        assert.deepStrictEqual(Object.keys(latencyMillis), ["p50", "p75", "p90", "p99"])
        assert.isAbove(qps, 0)
        assert.isAbove(socketsUsed, 0)
        assert.strictEqual((codes["200"] ?? 0) + (codes["503"] ?? 0), requests)
        if (!rule) assert.deepStrictEqual([codes, run.published], [{ "200": requests }, undefined])
      }
      const [ten, , thirty] = runs.map(
        (run: { readonly codes: Readonly<Record<string, number>>; readonly requests: number }) =>
          (run.codes["503"] ?? 0) / run.requests
      )
      assert.isAbove(thirty, ten)
      assert.isAtLeast(thirty, 0.3)
    })
  )

  it.live("prints the table and what it shows, then serves, logs, and stops at Ctrl-C with status 0", () =>
    Effect.gen(function* () {
      const running = yield* startGateway(...anyPorts)
      yield* running.until("serving until Ctrl-C")
      const { adminPort, port } = portsOf(running)
      assert.match(running.stdout(), /^rule +load +200 % +503 % +published +qps +p50 ms/m)
      assert.match(running.stdout(), /^off +c=30 n=300 +100\.0 +0\.0 /m)
      assert.match(
        running.stdout(),
        new RegExp(`^try    curl -i -H 'Host: service-go' http://127\\.0\\.0\\.1:${port}/env$`, "m")
      )
      const { body, status } = yield* call(port, { host: "service-go", path: "/env" })
      assert.strictEqual(status, 200)
      assert.match(JSON.parse(body).message, /^hello from service-go v[12]$/)
      yield* running.until(/"GET \/env HTTP\/1\.1" 200 - 0 \d+ /)
      assert.strictEqual((yield* call(adminPort, { path: "/pools" })).status, 200)
      // The three loads and this call; those of the gateway without the rule are not counted here.
      const { body: stats } = yield* call(adminPort, { path: "/stats" })
      const counts = [...stats.matchAll(/^weir_gateway_requests_total\{.*\} (\d+)$/gm)].map((match) => Number(match[1]))
      assert.strictEqual(
        counts.reduce((sum, count) => sum + count, 0),
        601
      )
      running.child.kill("SIGINT")
      const ended = yield* running.ended
      assert.deepStrictEqual([ended.status, ended.signal], [0, null])
      assert.match(ended.stderr, /^stopping$/m)
    })
  )
})

describe("--config", () => {
  it.live("serves the folder's YAML, without upstreams and loads of its own", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("hello"))
      const { adminPort, port, running } = yield* serving(upstream.port)
      assert.strictEqual((yield* call(port)).body, "hello")
      yield* running.until(
        /"GET \/ HTTP\/1\.1" 200 - 0 5 \d+ \d+ "-" "up\.test" "127\.0\.0\.1:\d+" outbound\|80\|\|up\.test retries=0\n/
      )
      assert.strictEqual((yield* call(adminPort, { path: "/stats" })).status, 200)
      assert.strictEqual(upstream.begunCount(), 1)
      running.child.kill("SIGTERM")
      assert.strictEqual((yield* running.ended).status, 0)
    })
  )

  it.live("writes no access log with --quiet", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("hello"))
      const { port, running } = yield* serving(upstream.port, "--quiet")
      yield* call(port)
      running.child.kill("SIGINT")
      assert.strictEqual((yield* running.ended).stdout, "")
    })
  )

  it.live.each([
    {
      what: "YAML that is none",
      files: { "a.yaml": "kind: [" },
      says: /^weir-gateway: The configuration has \d errors?; nothing was applied\.\n {2}a\.yaml:1:\d+: document 1: Flow sequence/
    },
    {
      what: "a field that Istio does not have",
      files: { "a.yaml": serviceYaml({ ports: [1], trafficPolicy: { connectionPool: { http: { maxRetrys: 1 } } } }) },
      says: /maxRetrys: unknown field; did you mean maxRetries\?\n1 of these would be warnings with --lenient/
    },
    { what: "an empty folder", files: {}, says: /there is no \*\.yaml or \*\.yml file in this folder or below it/ }
  ])("ends with status 1 and says why at $what", ({ files, says }) =>
    Effect.gen(function* () {
      const { status, stderr, stdout } = yield* runGateway("--config", yield* folderOf(files), ...anyPorts)
      assert.deepStrictEqual([status, stdout], [1, ""])
      assert.match(stderr, says)
    })
  )

  it.live("ends with status 1 at a folder that is not there, and names it", () =>
    Effect.gen(function* () {
      const { status, stderr } = yield* runGateway("--config", "no/such/folder", ...anyPorts)
      assert.strictEqual(status, 1)
      assert.match(stderr, /no\/such\/folder/)
    })
  )

  it.live("warns of unknown fields and serves with --lenient", () =>
    Effect.gen(function* () {
      const trafficPolicy = { connectionPool: { http: { maxRetrys: 1 } } }
      const folder = yield* folderOf({ "a.yaml": serviceYaml({ ports: [1], trafficPolicy }) })
      const running = yield* startGateway("--config", folder, "--lenient", ...anyPorts)
      yield* running.until("serving until Ctrl-C")
      assert.match(
        running.stderr(),
        /^warning: a\.yaml:\d+:\d+: .*maxRetrys: unknown field; did you mean maxRetries\?$/m
      )
    })
  )

  it.live("serves the examples", () =>
    Effect.gen(function* () {
      const folder = fileURLToPath(new URL("../examples/two-services", import.meta.url))
      const running = yield* startGateway("--config", folder, ...anyPorts)
      yield* running.until("serving until Ctrl-C")
      assert.notMatch(running.stderr(), /warning/)
      const { adminPort } = portsOf(running)
      const pools: ReadonlyArray<{ readonly cluster: string }> = JSON.parse(
        (yield* call(adminPort, { path: "/pools" })).body
      )
      assert.deepStrictEqual(
        pools.map(({ cluster }) => cluster),
        [
          "outbound|80||shop.example.com",
          "outbound|80|v1|shop.example.com",
          "outbound|80|v2|shop.example.com",
          "outbound|80||search.example.com"
        ]
      )
    })
  )
})

describe("ports", () => {
  it.live.each(["--port", "--admin-port"])("that are asked for and taken end it with status 1: %s", (flag) =>
    Effect.gen(function* () {
      const taken = yield* takenPort
      const folder = yield* folderOf({ "up.yaml": serviceYaml({ ports: [1] }) })
      const others = flag === "--port" ? ["--admin-port", "0"] : ["--port", "0"]
      const { status, stderr } = yield* runGateway("--config", folder, flag, String(taken), ...others)
      assert.strictEqual(status, 1)
      assert.strictEqual(stderr, `weir-gateway: cannot listen on 127.0.0.1:${taken}: the port is in use (EADDRINUSE)\n`)
    })
  )

  it.live("that are not asked for give way to the next free ones, and it says so", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf({ "up.yaml": serviceYaml({ ports: [1] }) })
      // Two at once: whichever comes second finds 8080 and 8081 taken, as does the first if somebody else has them.
      const first = yield* startGateway("--config", folder)
      yield* first.until("serving until Ctrl-C")
      const second = yield* startGateway("--config", folder)
      yield* second.until("serving until Ctrl-C")
      const { adminPort, port } = portsOf(second)
      assert.isAbove(port, 8080)
      assert.match(
        second.stderr(),
        new RegExp(`^gateway    http://127\\.0\\.0\\.1:${port}/  \\(8080 is in use\\)$`, "m")
      )
      assert.match(
        second.stderr(),
        new RegExp(`^admin      http://127\\.0\\.0\\.1:${adminPort}/  \\(8081 is in use\\)$`, "m")
      )
    })
  )
})

describe("wrong flags", () => {
  it.live.each([
    { args: ["--prot", "1"], says: /^weir-gateway: .*--prot/ },
    { args: ["--port", "x"], says: /^weir-gateway: .*port/ },
    { args: ["--port", "65536"], says: /^weir-gateway: .*expected a port from 0 to 65535, got 65536/ },
    { args: ["--config", "x", "--json"], says: /^weir-gateway: --exit and --json belong to the experiment/ },
    { args: ["--config", "x", "--exit"], says: /^weir-gateway: --exit and --json belong to the experiment/ }
  ])("end it with status 2 and one line each: $args", ({ args, says }) =>
    Effect.gen(function* () {
      const { status, stderr, stdout } = yield* runGateway(...args)
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.match(stderr, says)
    })
  )
})

describe("Ctrl-C", () => {
  it.live("lets accepted requests finish, and says how many it waits for", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      const { port, running } = yield* serving(upstream.port)
      const caller = yield* dial(port)
      caller.send("GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
      const endpoint = yield* upstream.accept
      yield* endpoint.head
      // As npm does it at Ctrl-C in a terminal: the second one is the first one's echo.
      running.child.kill("SIGINT")
      yield* running.until("stopping when 1 requests are finished")
      running.child.kill("SIGINT")
      endpoint.answer("in time")
      yield* caller.ended
      assert.match(caller.received, /\r\n\r\nin time$/)
      assert.match(caller.received, /\r\nconnection: close\r\n/i)
      const { signal, status, stdout } = yield* running.ended
      assert.deepStrictEqual([status, signal], [0, null])
      assert.match(stdout, / 200 - 0 7 /)
    })
  )

  it.live("a second time, more than a second later, ends it at once", () =>
    Effect.gen(function* () {
      const upstream = yield* makeRawUpstream
      const { port, running } = yield* serving(upstream.port)
      const caller = yield* dial(port)
      caller.send("GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
      yield* Effect.flatMap(upstream.accept, ({ head }) => head)
      running.child.kill("SIGINT")
      yield* running.until("stopping when 1 requests are finished")
      // The passing of that second is what tells a person's second Ctrl-C from npm's.
      yield* Effect.sleep(1_100)
      running.child.kill("SIGINT")
      const { signal } = yield* running.ended
      assert.strictEqual(signal, "SIGINT")
    })
  )
})

describe("the access log", () => {
  it.live("ends when nobody reads it any more, and the gateway goes on", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream((_, response) => response.end("hello"))
      const { port, running } = yield* serving(upstream.port)
      running.child.stdout?.destroy()
      yield* call(port)
      yield* running.until("the access log ends here, since nobody reads it any more")
      assert.strictEqual((yield* call(port)).body, "hello")
    })
  )
})
