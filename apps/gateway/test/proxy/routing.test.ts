/**
 * Which endpoint a request goes to: hosts, matches, weights, subsets, and what is answered where there is none.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { expectNothingLeft } from "../../../../test/support/Leaks.ts"
import { document, documents } from "../config/yaml.ts"
import { route, serviceYaml, timeless, withGateway } from "../support/gateway.ts"
import { dial, exchangeRaw } from "../support/RawPeer.ts"
import { runtime } from "../support/runtime.ts"
import { makeUpstream } from "../support/upstream.ts"

expectNothingLeft()

const named = (name: string) => makeUpstream((_, response) => response.end(name))

const toSubset = (subset: string, weight?: number) => ({ destination: { host: "up.test", subset }, weight })

/** Of 100; the draws are those of the test's seed, and the bounds leave room for another order of drawing. */
const assertNearQuarter = (count: number): void => {
  assert.isTrue(count > 10 && count < 40, `${count} of 100 is not near a quarter`)
}

describe("a request", () => {
  it.live("takes the first rule that matches its path, method and fields", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* named("one"), yield* named("two")]
      const http = [
        { match: [{ uri: { exact: "/exact" } }], route: [toSubset("v2")] },
        { match: [{ uri: { prefix: "/pre" }, method: { exact: "PUT" } }], route: [toSubset("v2")] },
        { match: [{ headers: { "x-user": { exact: "jason" } } }], route: [toSubset("v2")] },
        { match: [{ headers: { "x-any": {} } }], route: [toSubset("v2")] },
        { match: [{ authority: { prefix: "up.test:" } }], route: [toSubset("v2")] },
        { route: [toSubset("v1")] }
      ]
      yield* withGateway(serviceYaml({ ports: [one.port, two.port], http }), function* ({ call }) {
        const bodies = (yield* Effect.all([
          call({ path: "/exact" }),
          call({ path: "/exact?x" }),
          call({ path: "/exact/" }),
          call({ path: "/prefix", method: "PUT" }),
          call({ path: "/prefix" }),
          call({ headers: { "X-User": "jason" } }),
          call({ headers: { "x-user": "Jason" } }),
          call({ headers: { "x-any": "" } }),
          call({ host: "up.test:8080" })
        ])).map(({ body }) => body)
        assert.deepStrictEqual(bodies, ["two", "two", "one", "two", "one", "two", "one", "two", "two"])
      })
    })
  )

  it.live("finds its service by name, in any case and with any port, and by wildcard", () =>
    Effect.gen(function* () {
      const upstream = yield* named("one")
      const hosts = ["up.test", "*.wild.test"]
      yield* withGateway(serviceYaml({ ports: [upstream.port], hosts }), function* ({ call }) {
        for (const host of ["up.test", "UP.test", "up.test:1234", "up.test.", "a.wild.test", "a.b.wild.test"]) {
          assert.strictEqual((yield* call({ host })).status, 200, host)
        }
        for (const host of ["up.tes", "a.up.test", "wild.test"]) {
          assert.strictEqual((yield* call({ host })).status, 404, host)
        }
      })
    })
  )

  it.live("that no rule matches is answered 404 with flag NR, and says what it asked for", () =>
    Effect.gen(function* () {
      const upstream = yield* named("one")
      const http = [{ match: [{ uri: { prefix: "/api" } }], route }]
      yield* withGateway(serviceYaml({ ports: [upstream.port], http }), function* ({ call, logged }) {
        const { body, headers, status } = yield* call({ path: "/other?secret=1" })
        assert.deepStrictEqual([status, headers["x-weir-response-flag"]], [404, "NR"])
        assert.strictEqual(body, "404 NR: no route: no virtual host and rule match up.test/other\n")
        assert.strictEqual(
          timeless((yield* logged(1))[0] ?? ""),
          `"GET /other?secret=1 HTTP/1.1" 404 NR 0 ${body.length} D - "-" "up.test" "-" - retries=0`
        )
        assert.strictEqual(upstream.begunCount(), 0)
      })
    })
  )

  it.live("to a service without endpoints is answered 503 with flag UH, and says where it is defined", () =>
    withGateway(serviceYaml({ ports: [] }), function* ({ call, logged }) {
      const { body, headers, status } = yield* call()
      assert.deepStrictEqual([status, headers["x-weir-response-flag"]], [503, "UH"])
      assert.strictEqual(
        body,
        "503 UH: no healthy upstream: outbound|80||up.test has no endpoint (ServiceEntry up (rules.yaml document 1, line 5): spec.hosts[0])\n"
      )
      assert.match((yield* logged(1))[0] ?? "", / 503 UH .* outbound\|80\|\|up\.test retries=0$/)
    })
  )

  // Bun answers 400 itself.
  it.live.skipIf(runtime === "bun")("to OPTIONS * is no path that a rule could match", () =>
    withGateway(serviceYaml({ ports: [1] }), function* ({ logged, port }) {
      const answer = yield* exchangeRaw(port, "OPTIONS * HTTP/1.1\r\nHost: up.test\r\nConnection: close\r\n\r\n")
      assert.match(answer, /^HTTP\/1\.1 404 /)
      yield* logged(1)
    })
  )
})

describe("requests", () => {
  it.live("go round the endpoints in turn", () =>
    Effect.gen(function* () {
      const [one, two, three] = [yield* named("1"), yield* named("2"), yield* named("3")]
      yield* withGateway(serviceYaml({ ports: [one.port, two.port, three.port] }), function* ({ call }) {
        let order = ""
        for (let count = 0; count < 6; count++) order += (yield* call()).body
        assert.strictEqual(order, "123123")
      })
    })
  )

  it.live("are shared out by the weights of endpoints", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* named("1"), yield* named("2")]
      const yaml = documents(
        document("ServiceEntry", "up", {
          hosts: ["up.test"],
          ports: [{ number: 80, name: "http" }],
          resolution: "STATIC",
          endpoints: [
            { address: "127.0.0.1", ports: { http: one.port }, weight: 3 },
            { address: "127.0.0.1", ports: { http: two.port } }
          ]
        }),
        document("VirtualService", "up", { hosts: ["up.test"], http: [{ route }] }),
        document("DestinationRule", "up", {
          host: "up.test",
          trafficPolicy: { loadBalancer: { simple: "ROUND_ROBIN" } }
        })
      )
      yield* withGateway(yaml, function* ({ call }) {
        let order = ""
        for (let count = 0; count < 8; count++) order += (yield* call()).body
        assert.strictEqual(order, "11211121")
      })
    })
  )

  it.live("are shared out by the weights of a rule's destinations", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* named("1"), yield* named("2")]
      const http = [{ route: [toSubset("v1", 75), toSubset("v2", 25)] }]
      yield* withGateway(serviceYaml({ ports: [one.port, two.port], http }), function* ({ call }) {
        for (let count = 0; count < 100; count++) yield* call()
        assert.strictEqual(one.begunCount() + two.begunCount(), 100)
        assertNearQuarter(two.begunCount())
      })
    })
  )

  it.live("under LEAST_REQUEST avoid an endpoint whose answer is not finished", () =>
    Effect.gen(function* () {
      const busy = yield* makeUpstream((_, response) => {
        if (busy.begunCount() === 1) response.write("the first answer never ends")
        else response.end()
      })
      const free = yield* named("free")
      const trafficPolicy = { loadBalancer: { simple: "LEAST_REQUEST" } }
      yield* withGateway(serviceYaml({ ports: [busy.port, free.port], trafficPolicy }), function* ({ port, call }) {
        while (busy.begunCount() === 0) {
          const caller = yield* dial(port)
          caller.send("GET / HTTP/1.1\r\nHost: up.test\r\n\r\n")
          yield* caller.untilReceived("\r\n\r\n")
        }
        const before = free.begunCount()
        for (let count = 0; count < 100; count++) yield* call()
        // The better of two drawn at random is the busy one only where it was drawn twice: a quarter, not half of them.
        assert.strictEqual(busy.begunCount() - 1 + free.begunCount() - before, 100)
        assertNearQuarter(busy.begunCount() - 1)
      })
    })
  )
})
