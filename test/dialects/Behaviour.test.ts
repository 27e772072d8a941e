/**
 * What each system is known for, on real sockets, by its own configuration. Waits of minutes are in
 * `packages/dialects/test/Waiting.test.ts`, on virtual time.
 */
import {
  apache4,
  dialects,
  envoy,
  go,
  hyper,
  istio,
  nodeAgent,
  okhttp,
  pingora,
  type Reading,
  reactorNetty,
  ribbon,
  springCloudGateway,
  undici
} from "@weir/dialects"
import { type Client, createClient, WeirError } from "@weir/fetch"
import { afterEach, describe, expect, it } from "vitest"
import { type HeldServer, holdRequests } from "./HeldServer.ts"

const clients: Array<Client> = []

/** A client that is closed after the spec, and has nothing open then. */
const clientOf = (from: Reading): Client => {
  const client = createClient({ from })
  clients.push(client)
  return client
}

afterEach(async () => {
  for (const client of clients.splice(0)) {
    await client.close(0)
    expect(client.stats().connections.used).toBe(0)
  }
})

const call = async (client: Client, server: HeldServer): Promise<string> => (await client.request(server.url)).text()

const calls = (client: Client, server: HeldServer, count: number): ReadonlyArray<Promise<string>> =>
  Array.from({ length: count }, () => call(client, server))

const errorOf = async (promise: Promise<unknown>): Promise<WeirError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  if (!(error instanceof WeirError)) throw new Error(`expected a WeirError, not ${String(error)}`)
  return error
}

/** So many calls, as soon as the server holds so many of them, or all. */
const callsHeld = async (
  client: Client,
  server: HeldServer,
  count: number,
  heldCount = count
): Promise<ReadonlyArray<Promise<string>>> => {
  const all = calls(client, server, count)
  await expect.poll(server.heldCount).toBe(heldCount)
  return all
}

/** Lets all calls end, whenever they get through. */
const finish = async (server: HeldServer, promises: ReadonlyArray<Promise<unknown>>): Promise<void> => {
  let isDone = false
  const all = Promise.all(promises).finally(() => {
    isDone = true
  })
  await expect
    .poll(
      () => {
        server.release()
        return isDone
      },
      { interval: 5, timeout: 15_000 }
    )
    .toBe(true)
  await all
}

describe("every system's defaults", () => {
  it.each(dialects.map((dialect) => [dialect.spec.id, dialect] as const))(
    "make a client that calls, for %s",
    async (_id, dialect) => {
      await using server = await holdRequests(0)
      expect(await call(clientOf(dialect("")), server)).toBe("done")
    }
  )
})

describe("Apache HttpClient", () => {
  it("closes an idle connection of another route where the total is full", async () => {
    await using a = await holdRequests()
    await using b = await holdRequests()
    const client = clientOf(apache4("{maxConnTotal: 2, maxConnPerRoute: 2}"))
    await finish(a, calls(client, a, 2))
    expect(a.openCount()).toBe(2)
    const other = call(client, b)
    await expect.poll(b.heldCount).toBe(1)
    await expect.poll(a.openCount).toBe(1)
    await finish(b, [other])
  })

  it("lets two calls to a host run, and the third wait", async () => {
    await using server = await holdRequests()
    const client = clientOf(apache4("", { file: "client.yaml" }))
    const all = await callsHeld(client, server, 3, 2)
    expect(client.explain(server.url)).toContain(
      "all 2 connections of the route are in use (connectionsPerRouteMax 2, from Apache HttpClient 4.5 default of maxConnPerRoute); 1 caller waits"
    )
    expect(server.acceptedCount()).toBe(2)
    await finish(server, all)
  })
})

describe("OkHttp", () => {
  it("opens a connection for each call at once, and keeps five when they are done", async () => {
    await using server = await holdRequests()
    const client = clientOf(okhttp(""))
    const all = await callsHeld(client, server, 20)
    await finish(server, all)
    await expect.poll(server.openCount).toBe(5)
    expect(client.stats().idle.used).toBe(5)
  })

  it("closes the connection that has been idle longest, of whatever host", async () => {
    await using old = await holdRequests()
    await using young = await holdRequests()
    const client = clientOf(okhttp("connectionPool: {maxIdleConnections: 1}"))
    await finish(old, calls(client, old, 1))
    expect(old.openCount()).toBe(1)
    await finish(young, calls(client, young, 1))
    await expect.poll(old.openCount).toBe(0)
    expect(young.openCount()).toBe(1)
  })
})

describe("reactor-netty", () => {
  // reactor-netty's testIssue951_MaxPendingAcquire.
  it("refuses the call beyond pendingAcquireMaxCount at once", async () => {
    await using server = await holdRequests()
    const client = clientOf(reactorNetty("{maxConnections: 1, pendingAcquireMaxCount: 1}", { file: "pool.yaml" }))
    const all = await callsHeld(client, server, 2, 1)
    const refused = await errorOf(call(client, server))
    expect(refused.code).toBe("WEIR_REFUSED")
    expect(refused.message).toContain("from pendingAcquireMaxCount, pool.yaml line 1")
    await finish(server, all)
  })

  it("never waits where Spring Cloud Gateway's pool is ELASTIC, and waits where it is FIXED", async () => {
    await using server = await holdRequests()
    const elastic = clientOf(springCloudGateway(""))
    const all = await callsHeld(elastic, server, 40)
    await finish(server, all)
    const fixed = clientOf(
      springCloudGateway("spring.cloud.gateway.httpclient.pool: {type: FIXED, max-connections: 3}")
    )
    const some = await callsHeld(fixed, server, 10, 3)
    expect(fixed.stats().pending.used).toBe(7)
    await finish(server, some)
  })

  it("opens a connection for each call where the pool is DISABLED", async () => {
    await using server = await holdRequests()
    const client = clientOf(springCloudGateway("spring.cloud.gateway.httpclient.pool.type=DISABLED"))
    for (let count = 1; count <= 3; count++) {
      await finish(server, calls(client, server, 1))
      expect(server.acceptedCount()).toBe(count)
    }
    await expect.poll(server.openCount).toBe(0)
  })
})

describe("Go", () => {
  it("keeps two idle connections for a host", async () => {
    await using server = await holdRequests()
    const client = clientOf(go(""))
    const all = await callsHeld(client, server, 10)
    await finish(server, all)
    await expect.poll(server.openCount).toBe(2)
  })

  it("lets calls beyond MaxConnsPerHost wait", async () => {
    await using server = await holdRequests()
    const client = clientOf(go('{"MaxConnsPerHost": 2}'))
    const all = await callsHeld(client, server, 6, 2)
    expect(client.stats().pending.used).toBe(4)
    await finish(server, all)
    expect(server.acceptedCount()).toBe(2)
  })
})

describe("Pingora", () => {
  it("has no limit on connections, and one list of idle ones for all hosts, least recently used out", async () => {
    await using a = await holdRequests()
    await using b = await holdRequests()
    const client = clientOf(pingora("upstream_keepalive_pool_size: 3"))
    const all = await callsHeld(client, a, 12)
    await finish(a, all)
    await expect.poll(a.openCount).toBe(3)
    await finish(b, calls(client, b, 1))
    await expect.poll(a.openCount).toBe(2)
    expect(b.openCount()).toBe(1)
  })
})

describe("hyper", () => {
  it("has no limit on connections, and one on idle ones of a host", async () => {
    await using server = await holdRequests()
    const client = clientOf(hyper("pool_max_idle_per_host: 4"))
    const all = await callsHeld(client, server, 10)
    await finish(server, all)
    await expect.poll(server.openCount).toBe(4)
  })
})

describe("undici", () => {
  it("queues without a bound where connections are limited", async () => {
    await using server = await holdRequests()
    const client = clientOf(undici('{"connections": 1}'))
    // More than may wait where nothing is said.
    const all = Promise.allSettled(calls(client, server, 1101))
    await expect.poll(server.heldCount).toBe(1)
    expect(client.stats().pending.used).toBe(1100)
    await client.close(0)
    expect((await all).every(({ status }) => status === "rejected")).toBe(true)
  })
})

describe("node's http.Agent", () => {
  it("opens a connection for each call without keepAlive, and uses one again with it", async () => {
    await using server = await holdRequests()
    const without = clientOf(nodeAgent("", { version: "new Agent()" }))
    for (let count = 1; count <= 2; count++) await finish(server, calls(without, server, 1))
    expect(server.acceptedCount()).toBe(2)
    const keeping = clientOf(nodeAgent(""))
    for (let count = 1; count <= 2; count++) await finish(server, calls(keeping, server, 1))
    expect(server.acceptedCount()).toBe(3)
  })
})

describe("Istio", () => {
  const rule = (limits: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: 127.0.0.1
  trafficPolicy:
    connectionPool:
${limits}`

  it("refuses the call beyond http1MaxPendingRequests, which Envoy flags UO, and says which line it was", async () => {
    await using server = await holdRequests()
    const limits = "      tcp: {maxConnections: 1}\n      http: {http1MaxPendingRequests: 1}"
    const client = clientOf(istio(rule(limits), { file: "rules.yaml" }))
    const first = call(client, server)
    await expect.poll(server.heldCount).toBe(1)
    const second = call(client, server)
    const refused = await errorOf(call(client, server))
    expect([refused.code, refused.reason]).toEqual(["WEIR_REFUSED", "pending-route-limit"])
    expect(refused.message).toContain(
      "from spec.trafficPolicy.connectionPool.http.http1MaxPendingRequests, rules.yaml line 10"
    )
    await finish(server, [first, second])
  })

  it("refuses the call beyond http2MaxRequests, though connections are free", async () => {
    await using server = await holdRequests()
    const client = clientOf(istio(rule("      http: {http2MaxRequests: 2}")))
    const all = await callsHeld(client, server, 2)
    expect((await errorOf(call(client, server))).reason).toBe("active-route-limit")
    await finish(server, all)
  })
})

describe("Envoy", () => {
  it("limits the connections of a cluster over all of its hosts together", async () => {
    await using a = await holdRequests()
    await using b = await holdRequests()
    const client = clientOf(envoy("circuit_breakers: {thresholds: [{max_connections: 1}]}"))
    const first = call(client, a)
    await expect.poll(a.heldCount).toBe(1)
    const second = call(client, b)
    expect(client.stats().pending.used).toBe(1)
    await finish(a, [first])
    await finish(b, [second])
  })

  it("refuses the first call where max_pending_requests is 0, since it waits for its connect", async () => {
    await using server = await holdRequests()
    const client = clientOf(envoy("circuit_breakers: {thresholds: [{max_pending_requests: 0}]}"))
    expect((await errorOf(call(client, server))).code).toBe("WEIR_REFUSED")
  })
})

describe("Ribbon's 50 for a host", () => {
  it("makes calls slow though the service answers in 12 ms, and explain names the key and the line", async () => {
    const serviceMillis = 12
    await using busy = await holdRequests(serviceMillis)
    await using quiet = await holdRequests(serviceMillis)
    const text = "ribbon:\n  MaxConnectionsPerHost: 50\n  MaxTotalConnections: 200\n  ReadTimeout: 20000\n"
    const client = clientOf(ribbon(text, { file: "application.yaml" }))
    const timed = async (server: HeldServer): Promise<number> => {
      const startMillis = performance.now()
      await call(client, server)
      return performance.now() - startMillis
    }
    // 80 % of the calls go to one service.
    const toBusy = Array.from({ length: 800 }, () => timed(busy))
    const toQuiet = Array.from({ length: 200 }, () => timed(quiet))
    await expect.poll(busy.acceptedCount, { interval: 1 }).toBe(50)
    const why = client.explain(busy.url)
    expect(why).toMatch(
      /all 50 connections of the route are in use \(connectionsPerRouteMax 50, from ribbon\.MaxConnectionsPerHost, application\.yaml line 2\); \d+ callers wait; held longest by /
    )
    const slow = (await Promise.all(toBusy)).sort((one, other) => one - other)
    await Promise.all(toQuiet)
    // 800 calls over 50 connections are 16 rounds: half of the calls wait for 8 of them or more.
    expect(slow[400]).toBeGreaterThan(7 * serviceMillis)
    expect(busy.acceptedCount()).toBe(50)
    expect(quiet.acceptedCount()).toBeLessThanOrEqual(50)
  })
})
