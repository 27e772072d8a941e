import { describe, expect, it } from "@effect/vitest"
import { makeRouter, pickDestination, type RoutedRequest, rewriteTarget } from "../../src/config/Router.ts"
import { document, documents, modelOf, service } from "./yaml.ts"

const route = [{ destination: { host: "reviews" } }]

const virtualService = (hosts: ReadonlyArray<string>, http: ReadonlyArray<object>) =>
  document("VirtualService", `vs-${hosts[0]?.replaceAll(/[^a-z0-9]/g, "-")}`, { hosts, http })

const routerFor = (...virtualServices: ReadonlyArray<string>) =>
  makeRouter(modelOf(documents(service("reviews"), ...virtualServices)))

const request = (target: string, overrides: Partial<RoutedRequest> = {}): RoutedRequest => ({
  authority: "reviews",
  method: "GET",
  target,
  header: () => undefined,
  ...overrides
})

const rules = (...http: ReadonlyArray<object>) => {
  const router = routerFor(virtualService(["reviews"], http))
  return (target: string, overrides?: Partial<RoutedRequest>) => router.route(request(target, overrides))?.route.name
}

const match = (...entries: ReadonlyArray<object>) => rules({ name: "matched", match: entries, route })

describe("the virtual host", () => {
  const router = routerFor(
    ...["*", "*.example.com", "*.eu.example.com", "shop.eu.example.com", "::1"].map((host) =>
      virtualService([host], [{ name: host, route }])
    )
  )
  const hostOf = (authority: string) => router.route(request("/", { authority }))?.route.name

  it.each([
    ["shop.eu.example.com", "shop.eu.example.com"],
    ["SHOP.eu.example.com", "shop.eu.example.com"],
    ["shop.eu.example.com:8080", "shop.eu.example.com"],
    ["shop.eu.example.com.", "shop.eu.example.com"],
    ["shop.eu.example.com.:80", "shop.eu.example.com"],
    ["www.eu.example.com", "*.eu.example.com"],
    ["eu.example.com", "*.example.com"],
    ["example.com", "*"],
    ["", "*"],
    ["[::1]:8080", "::1"],
    ["[::1]", "::1"]
  ])("for %j is %s", (authority, expected) => {
    expect(hostOf(authority)).toBe(expected)
  })

  it("is none where no domain fits", () => {
    expect(
      routerFor(virtualService(["reviews"], [{ route }])).route(request("/", { authority: "other" }))
    ).toBeUndefined()
  })
})

describe("the route", () => {
  it("is the first that matches", () => {
    const routeOf = rules(
      { name: "admin", match: [{ uri: { prefix: "/admin" } }, { uri: { exact: "/root" } }], route },
      { name: "rest", route },
      { name: "never", match: [{ uri: { prefix: "/never" } }], route }
    )
    expect(["/admin/x", "/root", "/root/", "/never"].map((target) => routeOf(target))).toEqual([
      "admin",
      "admin",
      "rest",
      "rest"
    ])
  })

  it("is none where nothing matches", () => {
    expect(match({ uri: { prefix: "/a" } })("/b")).toBeUndefined()
  })

  it("is found by the path without its query", () => {
    expect(match({ uri: { exact: "/a" } })("/a?b=/c")).toBe("matched")
    expect(match({ uri: { prefix: "/a?b" } })("/a?b=c")).toBeUndefined()
  })

  it("is found by a prefix of characters, not of segments", () => {
    expect(match({ uri: { prefix: "/api" } })("/apis")).toBe("matched")
  })

  it("minds case in a path unless told otherwise", () => {
    expect(match({ uri: { prefix: "/Api" } })("/api/x")).toBeUndefined()
    expect(match({ uri: { prefix: "/Api" }, ignoreUriCase: true })("/aPI/x")).toBe("matched")
    expect(match({ uri: { exact: "/Api" }, ignoreUriCase: true })("/api")).toBe("matched")
  })

  it("is found by the method, in its case", () => {
    const routeOf = match({ method: { exact: "GET" } })
    expect([routeOf("/"), routeOf("/", { method: "get" }), routeOf("/", { method: "POST" })]).toEqual([
      "matched",
      undefined,
      undefined
    ])
  })

  it("is found by the authority as it was sent", () => {
    const routeOf = match({ authority: { exact: "reviews:8080" } })
    expect([routeOf("/", { authority: "reviews:8080" }), routeOf("/", { authority: "reviews" })]).toEqual([
      "matched",
      undefined
    ])
  })

  it("is found by header fields: one value, a prefix, or that they are there", () => {
    const header = (value: string | undefined) => ({
      header: (name: string) => (name === "x-user" ? value : undefined)
    })
    const exact = match({ headers: { "X-User": { exact: "ann" } } })
    expect([exact("/", header("ann")), exact("/", header("Ann")), exact("/", header(undefined))]).toEqual([
      "matched",
      undefined,
      undefined
    ])
    expect(match({ headers: { "x-user": { prefix: "a" } } })("/", header("ann"))).toBe("matched")
    const present = match({ headers: { "x-user": {} } })
    expect([present("/", header("")), present("/", header(undefined))]).toEqual(["matched", undefined])
  })

  it("needs all conditions of an entry, and one entry of several", () => {
    const routeOf = match({ uri: { prefix: "/a" }, method: { exact: "POST" } }, { uri: { prefix: "/b" } })
    expect([routeOf("/a", { method: "POST" }), routeOf("/a"), routeOf("/b")]).toEqual(["matched", undefined, "matched"])
  })
})

describe("a rewrite", () => {
  const rewritten = (rule: object, target: string) => {
    const routed = routerFor(virtualService(["reviews"], [{ route, ...rule }])).route(request(target))
    return routed && rewriteTarget(routed, target)
  }

  it("takes the place of the matched prefix and keeps the rest", () => {
    const rule = { match: [{ uri: { prefix: "/api/" } }], rewrite: { uri: "/v2/" } }
    expect(rewritten(rule, "/api/x?y=/api/")).toBe("/v2/x?y=/api/")
  })

  it("takes the place of an exact path and keeps the query", () => {
    expect(rewritten({ match: [{ uri: { exact: "/api" } }], rewrite: { uri: "/v2" } }, "/api?x=1")).toBe("/v2?x=1")
  })

  it("takes the place of the leading slash where everything is matched, as in Envoy", () => {
    expect(rewritten({ rewrite: { uri: "/v2/" } }, "/x")).toBe("/v2/x")
  })

  it("changes nothing where there is none", () => {
    expect(rewritten({ rewrite: { authority: "b.test" } }, "/x?y")).toBe("/x?y")
  })
})

describe("a choice among destinations", () => {
  const destinations = [
    { clusterId: "a", weight: 90 },
    { clusterId: "b", weight: 10 }
  ]

  it("gives each its share of the unit interval", () => {
    const chosen = [0, 0.5, 0.899, 0.9, 0.999].map((unit) => pickDestination(destinations, unit)?.clusterId)
    expect(chosen).toEqual(["a", "a", "a", "b", "b"])
  })
})
