import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { type Finding, formatFinding } from "../../src/config/Finding.ts"
import { loadFolder } from "../../src/config/loadFolder.ts"
import { makeRouter } from "../../src/config/Router.ts"
import { changedIn, clusterOf, routeTo, service } from "./yaml.ts"

const fixture = (name: string): string => `${import.meta.dirname}/fixtures/${name}`

const places = (findings: ReadonlyArray<Finding>) => findings.map(({ place }) => `${place.file}:${place.line}`)

layer(NodeServices.layer)("a folder", (it) => {
  it.effect("as people write it becomes a model", () =>
    Effect.gen(function* () {
      const { model, warnings } = yield* loadFolder(fixture("bookinfo"))
      expect(warnings).toEqual([])
      const routed = (target: string, user?: string) => {
        const route = makeRouter(model).route({
          authority: "bookinfo.example.com",
          method: "GET",
          target,
          header: (name) => (name === "end-user" ? user : undefined)
        })?.route
        return [route?.name, route?.destinations.map(({ clusterId, weight }) => `${clusterId} ${weight}`)]
      }
      const reviews = "reviews.bookinfo.svc.cluster.local"
      expect(routed("/reviews/1", "jason")).toEqual(["canary", [`outbound|9080|v3|${reviews} 1`]])
      expect(routed("/reviews/1")).toEqual([
        "reviews",
        [`outbound|9080|v1|${reviews} 80`, `outbound|9080|v2|${reviews} 20`]
      ])
      expect(routed("/")).toEqual(["ratings", ["outbound|80||ratings.example.com 1"]])
      const endpointsOf = (name: string) =>
        clusterOf(model, name).endpoints.map(({ host, port, weight }) => `${host}:${port} ${weight}`)
      expect(endpointsOf(`9080||${reviews}`)).toEqual(["127.0.0.1:19080 1", "127.0.0.2:19080 3", "127.0.0.3:9083 1"])
      expect(endpointsOf("80||ratings.example.com")).toEqual(["ratings.example.com:80 1"])
      expect(changedIn(clusterOf(model, `9080|v1|${reviews}`).policy)).toEqual({ pendingCountMax: 1 })
      expect(changedIn(clusterOf(model, `9080|v2|${reviews}`).policy)).toEqual({ connectionCountMax: 1 })
    })
  )

  it.effect("with mistakes is refused with all of them, in the order of reading", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadFolder(fixture("broken")))
      expect(error.message.split("\n").map((line) => line.trim())).toEqual([
        "The configuration has 17 errors; nothing was applied.",
        'rules.yaml:10:7: document 1: spec.ports[0].protocol: expected one of HTTP, HTTP2, HTTPS, GRPC, GRPC-WEB, TCP, TLS, UDP, MONGO, REDIS, MYSQL, or none, got "HTP"',
        "rules.yaml:15:9: document 1: spec.endpoints[0].labels.version: expected string, got 1; put it in quotes",
        "rules.yaml:28:9: document 2: spec.trafficPolicy.connectionPool.tcp.max_connections: unknown field; did you mean maxConnections?",
        'rules.yaml:29:9: document 2: spec.trafficPolicy.connectionPool.tcp.connectTimeout: expected a duration such as "10s", "1h30m" or "25ms", got 5',
        "rules.yaml:31:9: document 2: spec.trafficPolicy.connectionPool.http.http1MaxPendingRequest: unknown field; did you mean http1MaxPendingRequests?",
        'rules.yaml:32:9: document 2: spec.trafficPolicy.connectionPool.http.http2MaxRequests: expected an integer from 0 to 2147483647, got "10" in quotes',
        "rules.yaml:33:9: document 2: spec.trafficPolicy.connectionPool.http.maxRetries: expected an integer from 0 to 2147483647, got -1",
        'rules.yaml:34:9: document 2: spec.trafficPolicy.connectionPool.http.idleTimeout: expected nothing finer than a millisecond, got "1.5ms"',
        "rules.yaml:35:5: document 2: spec.trafficPolicy.outlierDetection: known to Istio, not supported here: endpoints are not ejected; remove it, or run with --lenient to go on without it",
        'rules.yaml:38:1: document 3: apiVersion: expected "networking.istio.io/v1" | "networking.istio.io/v1beta1" | "networking.istio.io/v1alpha3", got "networking.istio.io/v2"',
        'rules.yaml:43:3: document 3: spec.hosts: expected a list, got "reviews"',
        "rules.yaml:46:11: document 3: spec.http[0].match[0].uri: expected one of exact and prefix, not both",
        "rules.yaml:47:7: document 3: spec.http[0].redirect: known to Istio, not supported here: requests are not redirected; remove it, or run with --lenient to go on without it",
        "rules.yaml:50:1: document 4: kind: Deployment is not a kind this gateway reads; it reads DestinationRule, ServiceEntry, VirtualService",
        "rules.yaml:54:1: document 5: kind: DestinationRul is not a kind this gateway reads; it reads DestinationRule, ServiceEntry, VirtualService; did you mean DestinationRule?",
        "rules.yaml:56:1: document 6: kind is missing: expected one of DestinationRule, ServiceEntry, VirtualService; did you mean kind where it says Kind?",
        "rules.yaml:58:1: document 7: expected a mapping with apiVersion, kind, metadata and spec",
        "6 of these would be warnings with --lenient, and what they name would be left out"
      ])
    })
  )

  it.effect("out of a cluster is refused strictly and read leniently, with a warning for all that is left out", () =>
    Effect.gen(function* () {
      const { findings } = yield* Effect.flip(loadFolder(fixture("exported")))
      const { model, warnings } = yield* loadFolder(fixture("exported"), { isLenient: true })
      expect(places(warnings)).toEqual(places(findings))
      expect(places(warnings)).toEqual([3, 32, 49, 65, 69, 74].map((line) => `all.yaml:${line}`))
      expect(warnings.every(({ weight }) => weight === "warning")).toBe(true)
      expect(model.virtualHosts[0]?.routes.map(({ name }) => name)).toEqual(["spec.http[1]"])
      expect(changedIn(clusterOf(model, "8000||httpbin.default.svc.cluster.local").policy)).toEqual({
        connectionCountMax: 1,
        pendingCountMax: 1,
        requestsPerConnectionMax: 1
      })
    })
  )

  it.effect("that is not there is an error that names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadFolder(fixture("nowhere")))
      expect(error.findings.map(({ reason }) => reason)).toEqual(["Unreadable"])
      expect(error.message).toContain(`${fixture("nowhere")}: there is no such folder`)
    })
  )

  it.effect("without a VirtualService is served with a warning, since it answers 404 to everything", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      yield* fileSystem.writeFileString(`${folder}/service.yaml`, service("reviews"))
      const { warnings } = yield* loadFolder(folder)
      expect(warnings.map(({ message, place }) => [place.file, message.slice(0, 29)])).toEqual([
        [folder, "there is no VirtualService, s"]
      ])
    })
  )

  it.effect("without YAML is an error", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      yield* fileSystem.writeFileString(`${folder}/rules.json`, "{}")
      const error = yield* Effect.flip(loadFolder(folder))
      expect(error.message).toContain("there is no *.yaml or *.yml file in this folder or below it")
    })
  )

  it.effect("mounted from a ConfigMap has each file once", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      yield* fileSystem.makeDirectory(path.join(folder, "..2026_01_01"))
      yield* fileSystem.writeFileString(path.join(folder, "..2026_01_01", "rules.yaml"), service("reviews"))
      yield* fileSystem.symlink("..2026_01_01", path.join(folder, "..data"))
      yield* fileSystem.symlink(path.join("..data", "rules.yaml"), path.join(folder, "rules.yaml"))
      const { model } = yield* loadFolder(folder)
      expect(model.clusters.size).toBe(1)
    })
  )

  it.effect("with a file that cannot be read is refused, and the other files are still looked at", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      yield* fileSystem.symlink("nowhere", `${folder}/a.yaml`)
      yield* fileSystem.writeFileString(`${folder}/b.yaml`, "kind: Pod")
      const { findings } = yield* Effect.flip(loadFolder(folder))
      expect(findings.map((finding) => [finding.reason, formatFinding(finding).slice(0, 6)])).toEqual([
        ["Unreadable", "a.yaml"],
        ["UnknownKind", "b.yaml"]
      ])
    })
  )

  it.effect("is read in the order of its paths, which decides between two rules for a host", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const folder = yield* fileSystem.makeTempDirectoryScoped()
      const rule = (name: string, maxConnections: number) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name} }
spec: { host: reviews, trafficPolicy: { connectionPool: { tcp: { maxConnections: ${maxConnections} } } } }`
      yield* fileSystem.makeDirectory(`${folder}/b`)
      yield* fileSystem.writeFileString(`${folder}/c.yaml`, rule("last", 3))
      yield* fileSystem.writeFileString(`${folder}/b/z.yml`, rule("first", 2))
      yield* fileSystem.writeFileString(`${folder}/service.yaml`, service("reviews"))
      yield* fileSystem.writeFileString(`${folder}/routes.yaml`, routeTo("reviews", { host: "reviews" }))
      const { model, warnings } = yield* loadFolder(folder, { isLenient: true })
      expect(places(warnings)).toEqual(["c.yaml:4"])
      const cluster = clusterOf(model, "80||reviews.default.svc.cluster.local")
      expect(cluster.policy.connectionCountMax.value).toBe(2)
    })
  )
})
